/** What all commands have. */
import type { Command, CommandOptions } from 'commander'

export interface Shared {
  readonly config?: string
}

/** What a room of commands is registered with. */
export interface Registering {
  readonly program: Command
  readonly command: AddCommand
  readonly print: (text: string) => void
  /** The command line's: what they do not name need not be loaded. */
  readonly words: readonly string[]
}

export type AddCommand = (name: string, description: string, parent?: Command, options?: CommandOptions) => Command
