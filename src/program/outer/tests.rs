use crate::program::esm::body;

fn rewrite(text: &str) -> String {
    body(text.as_bytes(), b"", false, &[7; 32])
        .expect("parses")
        .source
}

#[test]
fn globals_are_read_where_they_are_used() {
    for (text, expected) in [
        ("a.b(c)", "__emvm_global.a.b(__emvm_global.c)"),
        (
            "x = 1\nlog()",
            "__emvm_global.x = 1\n;(0, __emvm_global.log)()",
        ),
        (
            "if (a)\nlog()",
            "if (__emvm_global.a)\n(0, __emvm_global.log)()",
        ),
        (
            "var f = () => log()",
            "var f = () => (0, __emvm_global.log)()",
        ),
        ("(log)(1)", "((0, __emvm_global.log))(1)"),
        ("log`x`", ";(0, __emvm_global.log)`x`"),
        (
            "new Thing; new Thing(1)",
            "new __emvm_global.Thing; new __emvm_global.Thing(1)",
        ),
        (
            "var o = { a, b: c }",
            "var o = { a: __emvm_global.a, b: __emvm_global.c }",
        ),
        (
            "({ a, b = 1, c: d } = o)",
            "({ a: __emvm_global.a, b: __emvm_global.b = 1, c: __emvm_global.d } = __emvm_global.o)",
        ),
        (
            "[a, b = 2] = [1]",
            "[__emvm_global.a, __emvm_global.b = 2] = [1]",
        ),
        (
            "for (k in o) k++",
            "for (__emvm_global.k in __emvm_global.o) __emvm_global.k++",
        ),
        (
            "typeof a; typeof (b)",
            "typeof __emvm_global[\"a?\"]; typeof (__emvm_global[\"b?\"])",
        ),
        ("delete a", "__emvm.forget(\"a\")"),
        (
            "function f () { 'use strict'; a = 1; b++; ({ c } = d) }",
            "function f () { 'use strict'; __emvm_global[\"a!\"] = 1; __emvm_global[\"b!\"]++; ({ c: __emvm_global[\"c!\"] } = __emvm_global.d) }",
        ),
        (
            "class A { b () { c = 1 } }",
            "class A { b () { __emvm_global[\"c!\"] = 1 } }",
        ),
        ("class A extends B {}", "class A extends __emvm_global.B {}"),
        ("with (o) { a }", "with (__emvm_global.o) { a }"),
        (
            "function f (a) { return a + require(b).c }",
            "function f (a) { return a + require(__emvm_global.b).c }",
        ),
        (
            "new Map([Math.PI]); Module.x; globalThis.y",
            "new Map([Math.PI]); Module.x; globalThis.y",
        ),
        (
            "globalThis.Map = M; new Map",
            "globalThis.Map = __emvm_global.M; new __emvm_global.Map",
        ),
        (
            "globalThis.Module = M; Module.x",
            "globalThis.Module = __emvm_global.M; Module.x",
        ),
        (
            "export {}; globalThis.Module = M; Module.x",
            " globalThis.Module = __emvm_global.M; __emvm_global.Module.x",
        ),
        (
            "Promise = p; Promise.all()",
            "__emvm_global.Promise = __emvm_global.p; __emvm_global.Promise.all()",
        ),
    ] {
        assert_eq!(rewrite(text), expected);
    }
}

#[test]
fn text_that_runs_is_told() {
    for (text, expected) in [
        (
            "function f (t) { eval(t); return a + typeof a }; a",
            "function f (t) { __emvm.ran(eval(__emvm.text(t))); return __emvm.declared(\"a\",()=>a) + typeof __emvm.declared(\"a\",()=>a,true) }; __emvm_global.a",
        ),
        (
            "var f = (t) => eval(t); a; function g (t) { 'use strict'; eval(t); a }",
            "var f = (t) => __emvm.ran(eval(__emvm.text(t))); __emvm_global.a; function g (t) { 'use strict'; __emvm.ran(eval(__emvm.text(t))); __emvm_global.a }",
        ),
        (
            "function f (t) { (eval)(t); a = 1; a++; new a.b(); a(); ({ a } = { a }); delete a }",
            "function f (t) { __emvm.ran((eval)(__emvm.text(t))); __emvm.variable(\"a\",()=>a,__emvm_value=>a=__emvm_value,\"a\").value = 1; __emvm.variable(\"a\",()=>a,__emvm_value=>a=__emvm_value,\"a\").value++; new (__emvm.declared(\"a\",()=>a)).b(); __emvm.declared(\"a\",()=>a)(); ({ a: __emvm.variable(\"a\",()=>a,__emvm_value=>a=__emvm_value,\"a\").value } = { a: __emvm.declared(\"a\",()=>a) }); __emvm.undeclare(\"a\",()=>a,()=>delete a) }",
        ),
        (
            "(0, eval)(eval); new Function(Function)",
            "(0, __emvm.eval)(__emvm.eval); new __emvm.Function(Function)",
        ),
    ] {
        assert_eq!(rewrite(text), expected);
    }
}

#[test]
fn the_global_object_is_the_realm_s() {
    for (text, expected) in [
        (
            "this.a; function f (b = this) { return () => this.c }",
            "this.a; function f (b = __emvm_this(this)) { return () => __emvm_this(this).c }",
        ),
        (
            "function f () { 'use strict'; return this }",
            "function f () { 'use strict'; return this }",
        ),
        (
            "'use strict'; function f () { return this }",
            "'use strict'; function f () { return this }",
        ),
        (
            "class A { a = this; b () { return this } static { this.c } }",
            "class A { a = this; b () { return this } static { this.c } }",
        ),
        (
            "({ get a () { return this }, b () { this.c = 1 } })",
            "({ get a () { return __emvm_this(this) }, b () { __emvm_this(this).c = 1 } })",
        ),
        ("var a = () => this", "var a = () => this"),
        (
            "function f () { new this; new this.a(this.b); new this[0].c; new (this.d()).e; new this.g`h`(1) }",
            "function f () { new (__emvm_this(this)); new (__emvm_this(this)).a(__emvm_this(this).b); new (__emvm_this(this))[0].c; new (__emvm_this(this).d()).e; new (__emvm_this(this)).g`h`(1) }",
        ),
    ] {
        assert_eq!(rewrite(text), expected);
    }
    let module = "export const f = function () { return this }";
    assert!(!rewrite(module).contains("__emvm_this"));
}

#[test]
fn imports_are_live() {
    for (text, expected) in [
        (
            "import a, { b as c, 'd e' as f } from 'x'\nc()\nf; typeof a",
            "\n;(0, __emvm.modules[0].b)()\n__emvm.modules[0][\"d e\"]; typeof __emvm.modules[0].default",
        ),
        (
            "import * as n from 'x'\nexport const o = { n }",
            "__emvm.exports({ get \"o\"() { return o } }); \nconst o = { n: __emvm.modules[0] }",
        ),
        (
            "import { b } from 'x'\nexport { b as c }\nexport default b",
            "__emvm.exports({ get \"c\"() { return __emvm.modules[0].b }, get \"default\"() { return __emvm_default } }); \n\nconst __emvm_default = __emvm.modules[0].b;",
        ),
        (
            "import { b } from 'x'\nfunction f (b) { return b }",
            "\nfunction f (b) { return b }",
        ),
    ] {
        assert_eq!(rewrite(text), expected);
    }
}
