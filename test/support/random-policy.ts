/** Random policies over a small alphabet of input keys, and random documents for them: what they have in common is found often. */

export type Random = () => number

/** Mulberry32: the same numbers for the same seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const keys = ['a', 'b', 'c', 'd']
const scalars = ['"x"', '"y"', '""', '0', '1', '2', 'true', 'false', 'null']

export function randomPolicy(random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const maybe = (chance: number) => random() < chance
  let fresh = 0
  const variable = () => {
    fresh += 1
    return `v${fresh}`
  }
  const path = () => `input${Array.from({ length: 1 + Math.floor(random() * 3) }, () => `.${pick(keys)}`).join('')}`
  const reference = (): string =>
    pick([
      path,
      path,
      path,
      () => `${path()}["${pick(keys)}"]`,
      () => `${path()}[${Math.floor(random() * 3)}]`,
      () => 'data.roles',
      () => 'input',
    ])()
  const value = (): string =>
    pick([reference, reference, () => pick(scalars), () => `[${reference()}]`, () => `{"k": ${path()}}`, () => `{${path()}}`])()

  const expression = (depth: number): string[] => {
    const v = variable()
    const w = variable()
    const nested = () => (depth > 2 ? [`${path()} == ${pick(scalars)}`] : expression(depth + 1))
    return pick<() => string[]>([
      () => [`${path()} == ${pick(scalars)}`],
      () => [`${path()} != ${value()}`],
      () => [reference()],
      () => [`not ${reference()}`],
      () => [`not ${path()} == ${pick(scalars)}`],
      () => [`${v} := ${reference()}`],
      () => [`${v} := ${reference()}`, `${v} == ${value()}`],
      () => [`some ${v} in ${path()}`, `${v} == ${value()}`],
      () => [`some ${v}, ${w} in ${path()}`, `${v} != ${w}`],
      () => [`${v} := "${pick(keys)}"`, `${path()}[${v}] == ${pick(scalars)}`],
      () => [`${path()}[${path()}]`],
      () => [`data.roles[${path()}]`],
      () => [`data.roles[${v}] == ${path()}`],
      () => [`count(${path()}) > ${Math.floor(random() * 3)}`],
      () => [`is_${pick(['string', 'number', 'object', 'array', 'null', 'boolean'])}(${reference()})`],
      () => [`object.get(${path()}, "${pick(keys)}", ${pick(scalars)}) == ${value()}`],
      () => [`type_name(${path()}) == "${pick(['string', 'object', 'array', 'number'])}"`],
      () => [`walk(${path()}, [${v}, ${w}])`, `${w} == ${pick(scalars)}`],
      () => [`${v} := [y | some y in ${path()}]`, `count(${v}) > 1`],
      () => [`${v} := {k: y | some k, y in ${path()}}`, `${v}.${pick(keys)} == ${pick(scalars)}`],
      () => [`every y in ${path()} { y != ${pick(scalars)} }`],
      () => [`pass(${path()}) == ${pick(scalars)}`],
      () => [`test_it(${path()}, ${value()})`],
      () => [`helper with input.${pick(keys)} as ${value()}`],
      () => [`helper with input as ${value()}`],
      () => [`helper with data.roles as ${value()}`],
      () => [`not helper`],
      () => ['level > 1'],
      () => [`items[${path()}]`],
      () => [`table.${pick(keys)} == ${value()}`],
      () => [`concat("-", [${path()}, "z"]) == "x-z"`],
      () => [`[${v}, ${w}] := ${path()}`, `${v} != ${w}`],
      () => [`{"a": ${v}} = ${path()}`, `${v} == ${pick(scalars)}`],
      // What passes a value on, keeps it or looks beside it without looking at it.
      () => [`${path()} == ${path()}`],
      () => [`${v} := {"k": ${path()}}`, `${v}.k == ${value()}`],
      () => [`${v} := {"k": ${path()}, "l": 1}`, `${v}.l == 1`],
      () => [`object.union(input, {"k": ${path()}}).${pick(keys)} == ${pick(scalars)}`],
      () => [`object.get(input, ["${pick(keys)}", "${pick(keys)}"], 1) == ${pick(scalars)}`],
      () => [`count(object.keys(input)) > ${Math.floor(random() * 3)}`],
      () => [`array.concat([${path()}], [${path()}])[${pick(['0', '1'])}] == ${pick(scalars)}`],
      () => [`${v} := input`, `${w} := ${v}.${pick(keys)}`, `pass(${w}) == ${w}`],
      () => [`helper with input.${pick(keys)}.${pick(keys)} as ${value()}`],
      () => [`input == ${reference()}`],
      // The input as a whole, or a part of it, given away: to functions, comprehensions, quantifiers, and to paths that data names.
      () => [`probe(${pick(['input', path()])})`],
      () => [`not probe(input)`],
      () => [`known(input) == ${pick(scalars)}`],
      () => [`contains(json.marshal(${pick(['input', path()])}), ${pick(['"x"', '"y"', '"k"'])})`],
      () => [`json.marshal({"k": ${path()}}) == "{\\"k\\":1}"`],
      () => [`walk(input, [${v}, ${w}])`, `${w} == ${pick(scalars)}`],
      () => [`count([1 | walk(input, [${v}, _]); count(${v}) == 2]) > ${Math.floor(random() * 4)}`],
      () => [`count(input) == ${Math.floor(random() * 5)}`],
      () => [`count({${v} | some ${v}, _ in input}) > ${Math.floor(random() * 4)}`],
      () => [`${v} := {${w}: 1 | input[${w}]}`, `${v}.${pick(keys)} == 1`],
      () => [`${v} := [${w} | ${w} := input[_]]`, `count(${v}) > 1`],
      () => [`${v} := [1 | some ${w} in input; ${w} == ${pick(scalars)}]`, `${v} == []`],
      () => [`every ${v}, ${w} in input { ${v} != "${pick(keys)}"; ${w} != ${pick(scalars)} }`],
      () => [`every ${v} in ["${pick(keys)}", "${pick(keys)}"] { input[${v}] }`],
      () => [`input[data.roles.key] == ${value()}`],
      () => [`object.get(input, data.roles.path, ${pick(scalars)}) == ${pick(scalars)}`],
      () => [`input[input.${pick(keys)}] == ${value()}`],
      () => [`input.integration.name == "one"`, `${path()} == ${pick(scalars)}`],
      () => [`data.integrations[input.integration.name].v == ${path()}`],
      () => [`object.remove(input, ["${pick(keys)}"]).${pick(keys)} == ${value()}`],
      () => [`object.filter(input, ["${pick(keys)}"]) == {"${pick(keys)}": ${pick(scalars)}}`],
      () => [`json.filter(input, ["${pick(keys)}/${pick(keys)}"]) != {}`],
      () => [`json.remove(input, ["${pick(keys)}"]).${pick(keys)}.${pick(keys)} == ${pick(scalars)}`],
      () => [`${path()} in ${pick(['[1, 2, "x"]', '{1, "y"}', `{"k": ${path()}}`, 'input'])}`],
      () => [`count({${path()}, ${path()}} & {1, "x"}) > 0`],
      () => [`array.slice([${path()}, 1], 1, 2) == [1]`],
      () => [`sort([${path()}, 1])[0] == 1`],
      () => [`max([${path()}, 1]) == 1`],
      () => [`{"k": ${path()}}[${pick(['"k"', path()])}]`],
      () => [`_ = ${path()}`],
      () => [`print(${path()}, input)`],
      () => [`every_key[${path()}]`],
      () => [`some ${v}`, `every_key[${v}] == ${path()}`],
      () => [`helper with data.roles as ${path()}`],
      () => [`probe(input) with input as {"${pick(keys)}": ${path()}}`],
      () => [`count(input) > 2 with input.${pick(keys)} as ${path()}`],
      nested,
    ])()
  }
  const body = (length: number): string => {
    const lines = Array.from({ length }, () => expression(0)).flat()
    return lines.map((line) => `\t${line}`).join('\n')
  }
  const rules = [
    'package sallyport',
    `default level := 0\nlevel := 2 if {\n${body(1)}\n} else := 3 if {\n${body(1)}\n}`,
    `helper if {\n${body(1)}\n}`,
    `pass(x) := x if x != ${pick(scalars)}\nelse := ${pick(scalars)}`,
    `test_it(x, y) if x == y\ntest_it(x, _) if is_string(x.${pick(keys)})`,
    `probe(o) if o.${pick(keys)}.${pick(keys)} == ${pick(scalars)}\nprobe(o) if not o.${pick(keys)}`,
    `default known(_) := 1\nknown(o) := o.${pick(keys)} if o.${pick(keys)} != ${pick(scalars)}`,
    `every_key[k] := v if some k, v in input${pick(['', `.${pick(keys)}`])}`,
    `items contains ${path()} if {\n${body(1)}\n}\nitems contains "x"`,
    `table["${pick(keys)}"] := ${path()} if {\n${body(1)}\n}`,
    ...Array.from(
      { length: 1 + Math.floor(random() * 3) },
      (_, index) => `decision["r${index}"] := ${maybe(0.5) ? value() : 'true'} if {\n${body(1 + Math.floor(random() * 2))}\n}`,
    ),
    maybe(0.3) ? `decision["n"] := data.integrations[input.integration.name].v if input.integration.name` : '',
    maybe(0.2) ? `decision["m"] := [n | some n, _ in data.integrations]` : '',
    'decision["always"] := 1',
  ]
  return `${rules.join('\n\n')}\n`
}

export function randomDocument(random: Random): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const node = (depth: number): unknown => {
    const roll = random()
    if (depth > 3 || roll < 0.35) return pick(['x', 'y', '', 0, 1, 2, true, false, null, 'a', 'b'])
    if (roll < 0.5) return Array.from({ length: Math.floor(random() * 3) }, () => node(depth + 1))
    return Object.fromEntries(keys.filter(() => random() < 0.6).map((key) => [key, node(depth + 1)]))
  }
  const members = Object.fromEntries(keys.filter(() => random() < 0.8).map((key) => [key, node(1)]))
  if (random() < 0.2) return members
  return { ...members, integration: { name: pick(['one', 'two', 'none']) } }
}
