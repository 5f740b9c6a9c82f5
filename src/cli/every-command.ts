/** What all commands have. */
import type { Command } from 'commander'

export interface Shared {
  readonly config?: string
}

export type AddCommand = (name: string, description: string, parent?: Command) => Command
