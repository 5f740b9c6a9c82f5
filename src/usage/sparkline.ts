/** A row of numbers as a line of blocks, as wide as there are numbers. */

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** The highest is a whole block; 0 is a blank, so that the smallest number is seen. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values, 0)
  return values
    .map((value) => (value <= 0 ? ' ' : blocks[Math.min(blocks.length - 1, Math.floor((value / highest) * blocks.length))]))
    .join('')
}
