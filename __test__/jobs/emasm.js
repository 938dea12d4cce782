'use strict'

const { attempt } = require('../support/outcome')

exports.job = (m) => {
  const text = (value) => m.UTF8ToString(value)
  return {
    add: m._t_add(2, 3),
    greet: m.ccall('t_greet', null, ['string'], ['Zoë']),
    text: text(m._t_text(5)),
    state: typeof m._t_state(),
    int: m._t_asm_int(3, 4),
    double: m._t_asm_double(1.25, 3),
    void: m.ccall('t_asm_void', null, ['string'], ['x']),
    mainThread: m._t_main_thread(8),
    back: m._t_asm_calls_back(5),
    twice: m._t_lib_twice(21),
    deps: m._t_lib_deps(3),
    heap: m._t_lib_heap(),
    libBack: m._t_lib_back(1),
    throws: [attempt(() => m._t_lib_throws(1)), attempt(() => m._t_lib_throws(9)), attempt(() => m._t_throw())],
    after: m._t_add(1, 1),
    post: [attempt(() => m.postHelper(1, 2)), attempt(() => m.postText(7))],
    pre: [m.preRan, typeof m.preSaw]
  }
}
