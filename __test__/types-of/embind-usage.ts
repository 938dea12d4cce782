// Compiled by types-of.test.js against what `emvm types` made of the embind fixture; never run.
import m from './embind'
import type { Animal, Box, Color, Corner, Module } from './embind'
import { open } from 'emvm'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const same = <T extends true>(): T | void => {}

// Classes: hierarchy, constructors, statics, smart pointers, nullable pointers.
const dog = new m.Dog('rex')
const animal: Animal = dog
const legs: number = dog.legs
dog.name = animal.greet()
const twice: number = dog.fetch(2)
const made = m.Animal.create(true)
same<Same<typeof made, Animal | null>>()
// @ts-expect-error it may be null
made.greet()
const who: string = m.pass_pointer(null)
m.pass(dog)
// @ts-expect-error a reference is never null
m.pass(null)
m.keep(dog)
// @ts-expect-error an animal is no dog
m.keep(animal)
// @ts-expect-error it has no constructor
new m.Late() // eslint-disable-line no-new
dog.clone().fetch(1)
dog.delete()
const gone: boolean = dog.isDeleted()

// Values: objects, arrays, in one another.
const corner: Corner = [1, 2]
const box: Box = m.invert({ corner, size: { width: 1, height: 2 }, filled: true })
const [x]: Corner = box.corner
// @ts-expect-error three coordinates are one too many
m.invert({ corner: [1, 2, 3], size: { width: 1, height: 2 }, filled: true })

// Enums are the values that they have.
const color: Color = m.next(m.Color.red)
const three: -3 = m.Color.blue.value
// @ts-expect-error a number is no color
m.next(2)

// Vectors and maps.
const ints = m.range(3)
const item: number | undefined = ints.get(0)
// @ts-expect-error it may be out of range
const sure: number = ints.get(0)
const counts = new m.Counts()
counts.set('a', 1)
const count = counts.get('a')
same<Same<typeof count, number | undefined>>()

// Overloads, constants, any value.
const sum: number = m.sum(1) + m.sum(1, 2)
// @ts-expect-error there is none of three
m.sum(1, 2, 3)
const answer: 42 = m.ANSWER
m.apply((n: number) => n, 2)

async function typed (): Promise<number> {
  const vm = await open<typeof import('./embind')>('embind.js')
  const other = await open<Module>('embind.js')
  const { blocks } = await vm.profile((module) => new module.Dog('rex'))
  const bytes: number = blocks[0].bytes
  const name: string | null = blocks[0].function
  // @ts-expect-error only these
  await open('embind.js', { trackLeaks: 'blocks' })
  void [bytes, name]
  return new vm.exports.Dog('rex').legs + other.exports.sum(1)
}
void [legs, twice, who, gone, x, color, three, item, sure, sum, answer, typed]
