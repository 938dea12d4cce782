use super::tell;

fn check(source: &str, wanted: &str) {
    assert_eq!(tell(source).unwrap(), wanted, "{source}");
}

#[test]
fn writes_tell_of_the_object_and_the_key() {
    check(
        "function f(){Module.x=1}",
        "function f(){$emvm.key(Module,\"x\").x=1}",
    );
    check(
        "function f(){Module['x']+=1;a.b.c++}",
        "function f(){$emvm.key(Module,\"x\")['x']+=1;$emvm.key(a.b,\"c\").c++}",
    );
    check(
        "function f(k){a[k]=delete b.c}",
        "function f(k){$emvm.whole(a)[k]=delete $emvm.whole(b).c}",
    );
    check(
        "function f(p){$live.HEAPU8[p>>2]=a[1]}",
        "function f(p){$live.HEAPU8[p>>2]=a[1]}",
    );
    check(
        "function f(){a.list.push(1).b=2}",
        "function f(){$emvm.key($emvm.whole(a.list).push(1),\"b\").b=2}",
    );
    check(
        "var f=()=>Object.defineProperty(Module,'x',{value:Object.keys(a)})",
        "var f=()=>Object.defineProperty($emvm.key(Module,\"x\"),'x',{value:Object.keys(a)})",
    );
    check(
        "function f(){Object.freeze(Module);Array.prototype.push.apply(a.b,c)}",
        "function f(){Object.freeze($emvm.whole(Module));Array.prototype.push.apply($emvm.whole(a.b),c)}",
    );
}

#[test]
fn patterns_tell_of_each_place() {
    check(
        "function f(){[Module.x,b=c.d,[...e[0]]]=g}",
        "function f(){$emvm.then($emvm.name(\"b\"),[$emvm.key(Module,\"x\").x,b=c.d,[...$emvm.whole(e)[0]]]=g)}",
    );
    check(
        "function f(a){var b,c;({b,x:a.y,z:c=1}=a)}",
        "function f(a){var b,c;({b,x:$emvm.key(a,\"y\").y,z:c=1}=a)}",
    );
    check(
        "function f(a){for(a.b in a);for(x of a);for(var[k,v]of a.b);for(let{k}of a.b);}",
        "function f(a){for($emvm.key(a,\"b\").b in a);for(x of $emvm.then($emvm.name(\"x\"),a));for(var[k,v]of a.b);for(let{k}of a.b);}",
    );
}

#[test]
fn methods_whose_name_is_known_later_tell_their_name() {
    check(
        "function f(k){a[k](1);this['x'+k+`${k}`]()}",
        "function f(k){a[k](($emvm.called(a,k),1));this['x'+k+`${k}`](...$emvm.none($emvm.called(this,'x'+k+`${k}`)))}",
    );
}

#[test]
fn functions_that_change_objects_are_looked_at_where_they_are_fetched() {
    check(
        "function f(k){var g=a[k];a[k].call(b,a[k]);h(a[k])}",
        "function f(k){var g=$emvm.got(a[k]);$emvm.got(a[k]).call(b,$emvm.got(a[k]));h($emvm.got(a[k]))}",
    );
    check(
        "function f(k){Object.defineProperty(a[k],'x',b)}",
        "function f(k){Object.defineProperty($emvm.key($emvm.got(a[k]),\"x\"),'x',b)}",
    );
    let same = "function f(k){a[k].b;if(!a[k]||a[k]>1)return $live.HEAP8[k]+a[0];delete a[k].b;for(var x of a[k]);return typeof a[k][k+1]}";
    check(
        same,
        &same.replace("delete a[k].b", "delete $emvm.whole(a[k]).b"),
    );
    check(
        "var p=[].push;function f(){}return{imports:{}}",
        "var p=[].push;function f(){}return{roots:()=>[f,p],holds:true,imports:{}}",
    );
    check(
        "if(!Object.getOwnPropertyDescriptor(a,'b'))c();function f(){return a?.[1]}return{}",
        "if(!Object.getOwnPropertyDescriptor(a,'b'))c();function f(){return a?.[1]}return{roots:()=>[f],}",
    );
}

#[test]
fn globals_are_told_by_name() {
    check(
        "function f(){x=1;y++;var z;z=2}",
        "function f(){$emvm.then($emvm.name(\"x\"),x=1);$emvm.then($emvm.name(\"y\"),y++);var z;z=2}",
    );
    check(
        "function f(){eval(a,b)}",
        "function f(){;$emvm.changer();$emvm.ran(eval($emvm.text(a,b)))}",
    );
}

#[test]
fn what_is_new_is_nobody_s() {
    check(
        "function F(){this.x=1;this.push(2)}",
        "function F(){$emvm.made(new.target,this,\"x\").x=1;this.push(($emvm.made(new.target,this),2))}",
    );
    check(
        "function f(){a.push(...b);a.pop()}",
        "function f(){a.push(...($emvm.whole(a),b));a.pop(...$emvm.none($emvm.whole(a)))}",
    );
    check(
        "function f(){var a={},b=[];a.x=1;b.push(a)}",
        "function f(){var a={},b=[];a.x=1;b.push(a)}",
    );
    check(
        "function f(){var a={};a=c;a.x=1;let b={};return()=>{b.y=1}}",
        "function f(){var a={};a=c;$emvm.key(a,\"x\").x=1;let b={};return()=>{$emvm.key(b,\"y\").y=1}}",
    );
}

#[test]
fn what_cannot_be_told_begins_with_all() {
    for body in [
        "eval('x')",
        "Module.constructor.assign(Module,a)",
        "[1].forEach(a.push,a)",
        "a.b[k](1)",
        "a[k()](1)",
        "a[k]?.(1)",
        "var O=Object",
        "new Proxy(Module,{})",
        "require('util').inherits(a,b)",
        "globalThis.Object.assign(Module,a)",
        "a?.b.push(1)",
        "var{push}=a",
        "var{[k]:b}=a",
        "({push:b}=a)",
        "Object.getOwnPropertyDescriptor(a,'b').value",
        "a?.[k].call(b)",
        "a[k]``",
    ] {
        let source = format!("function f(k){{'use strict';{body}}}");
        let told = tell(&source).unwrap();
        assert!(
            told.starts_with("function f(k){'use strict';;$emvm.all();")
                || told.starts_with("function f(k){'use strict';;$emvm.changer();"),
            "{told}"
        );
    }
    check(
        "var f=k=>new Proxy(k,k)",
        "var f=k=>($emvm.changer(),new Proxy(k,k))",
    );
}

#[test]
fn what_is_waited_for_and_what_variables_hold() {
    check(
        "async function f(){await a;b().then(c)}",
        "async function f(){await $emvm.wait(a);$emvm.wait(b()).then(c)}",
    );
    check(
        "var a={};function f(){}return {imports:{}}",
        "var a={};function f(){}return {roots:()=>[a,f],imports:{}}",
    );
}

#[test]
fn reading_tells_nothing() {
    for source in [
        "function f(a){return a.b(Object.keys(a),a instanceof Function)}",
        "function f(a){return require('fs').readFileSync(a)}",
        "function f(){return Object.prototype.hasOwnProperty.call(a,'b')}",
        "function f(){var a=1;a+=2;return a}",
        "function f(){var a={};a.constructor=f;return a.constructor===f}",
    ] {
        check(source, source);
    }
}
