use super::*;

fn code(text: &str) -> String {
    made(text).code
}

fn made(text: &str) -> InstrumentedText {
    instrument(text, &Options::default()).expect("parses")
}

#[test]
fn only_what_inner_functions_see_is_told() {
    let text = "let a = 1, b = {}, c = 2; const d = () => a++; b; c; exports.f = d";
    let out = made(text);
    assert_eq!(out.sites.len(), 1);
    assert_eq!(out.sites[0].names, "a");
    assert_eq!(out.sites[0].id, 0);
    assert!(
        out.code
            .starts_with("const $rw0=$rw.on&&$rw.add(0,1,()=>[a,$rw0],$rwv=>{a=$rwv[0];}")
    );
    assert!(out.code.ends_with(text));
}

#[test]
fn what_cannot_change_is_not_told() {
    for text in [
        "const n = 1; exports.f = () => n",
        "let n = 1 + 2; n = -n; exports.f = () => n",
        "function g() {} exports.f = () => g()",
        "const g = () => 1; exports.f = () => g()",
        "exports.f = function g(n) { return n && g(n - 1) }",
    ] {
        assert_eq!(code(text), text);
    }
    for text in [
        "const n = {}; exports.f = () => n",
        "function g() {} exports.f = () => g",
        "function g() { arguments } exports.f = () => g()",
        "function* g() {} exports.f = () => g()",
        "const g = function h() { h.n }; exports.f = () => g()",
    ] {
        assert!(code(text).contains("$rw.add(0,0,"), "{text}");
    }
}

#[test]
fn lines_are_kept_where_text_is_replaced() {
    let text = "p\n  .then(\n  f)\n/* . */ . /* \n ( */ catch\n(g); x()";
    let out = code(text);
    assert_eq!(out.matches('\n').count(), text.matches('\n').count());
    let last = |s: &str| s.lines().last().map(|l| l.contains("x()"));
    assert_eq!(last(&out), Some(true));
}

#[test]
fn columns_lead_back() {
    let text = "let a = 1; exports.f = () => { a++; ü() }\nawaited(() => a)";
    let out = made(text);
    let (line, rest) = (1, "ü()");
    let column = |text: &str| {
        let line = text.lines().next().unwrap_or_default();
        let at = line.find(rest).expect("is there");
        line[..at].encode_utf16().count() as u32 + 1
    };
    assert_eq!(
        original_column(&out.columns, line, column(&out.code)),
        column(text)
    );
    assert_eq!(original_column(&out.columns, 2, 5), 5);
}

#[test]
fn a_name_of_the_language_with_another_meaning() {
    assert!(code("f(eval)").contains("f($rw.eval)"));
    let out = made("function g(eval) { return eval('x') } f(eval)");
    assert!(!out.code.contains("$rw.eval") && !out.code.contains("$rw.text"));
    assert_eq!(out.facts[0].what, What::OwnEval);
}

#[test]
fn deep_nesting_is_no_crash() {
    let deep = format!("{}1{}", "(() => ".repeat(500), ")".repeat(500));
    assert!(instrument(&deep, &Options::default()).is_ok());
    let deeper = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(instrument(&deeper, &Options::default()).is_err());
}
