export default (module, numbers) => numbers.reduce((sum, n) => module._add(sum, n), 0)
