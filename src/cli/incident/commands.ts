/** The commands for incidents: reports are made from the log alone; what is opened, noted or closed is asked of the gateway. */
import { type Command, Option } from 'commander'
import { listIncidents } from '../../incidents/index.ts'
import { visibleText } from '../../text/index.ts'
import { folderOption, type LogFlags, withIndex } from '../audit/index.ts'
import type { Registering, Shared } from '../every-command.ts'
import { parseSince } from '../parse-since.ts'
import { closeIncident, noteIncident, type OpenFlags, openIncident } from './acts.ts'
import { type ExportFormat, exportFolder, exportFormats, exportText } from './export.ts'
import { reportFor, type WhichFlags } from './report.ts'
import { listText, reportText } from './report-text.ts'

export function addIncidentCommands({ program, command, print }: Registering): void {
  const incident = program.command('incident').description('What happened with an integration, from the audit log, with proofs.')
  command('open <name>', 'Begin an incident of an integration: from then on it has an id, and a report.', incident)
    .option('--from <time>', 'when it began: "2h", "7d", "2026-01-31T08:00:00Z"; an hour before the alert or now if not given', (text) =>
      parseSince(text),
    )
    .option('--to <time>', 'when it was over; if not given it goes on until it is closed', (text) => parseSince(text))
    .option('--title <text>', 'what it is about')
    .option('--alert <id>', 'the alert that it was detected by; else the first one counts')
    .action(async (name: string, flags: OpenFlags) => print(await openIncident(name, flags)))
  command('note <id> <text>', 'Note something on an incident.', incident).action(async (id: string, text: string, { config }: Shared) =>
    print(await noteIncident(config, id, text)),
  )
  command('close <id> <text>', 'Close an incident, and say how it ended.', incident).action(
    async (id: string, text: string, { config }: Shared) => print(await closeIncident(config, id, text)),
  )
  command('list', 'Show the incidents that the log has.', incident)
    .option(...folderOption)
    .option('--json', 'print JSON')
    .action(async ({ json = false, ...flags }: LogFlags & { readonly json?: boolean }) => {
      const incidents = await withIndex(flags, listIncidents)
      print(json ? `${visibleText(JSON.stringify(incidents))}\n` : listText(incidents))
    })
  addWhich(command('show [id]', 'Show an incident: what happened when, the figures, and what a review has to answer.', incident))
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, { json = false, ...flags }: WhichFlags & { readonly json?: boolean }) => {
      const { report } = await reportFor(id, flags)
      print(json ? exportText(report, 'json') : reportText(report))
    })
  addWhich(command('export [id]', 'Write the report of an incident, with the proofs of its records.', incident))
    .addOption(new Option('--format <format>', 'how it is printed').choices(exportFormats).default('md'))
    .option('--out <folder>', 'write incident.md, incident.json and proofs/ there instead; it must not be there')
    .action(
      async (id: string | undefined, { format, out, ...flags }: WhichFlags & { readonly format: ExportFormat; readonly out?: string }) => {
        const { report, proofs } = await reportFor(id, flags)
        if (out === undefined) print(exportText(report, format))
        else print(`${exportFolder(out, report, proofs).map(visibleText).join('\n')}\n`)
      },
    )
}

/** Which incident: by its id, or without one. */
function addWhich(command: Command): Command {
  return command
    .option('--integration <name>', 'of what nobody opened: this integration')
    .option('--from <time>', 'from then on: "2h", "7d", "2026-01-31T08:00:00Z"; an hour before now if not given', (text) =>
      parseSince(text),
    )
    .option('--to <time>', 'until then; now if not given', (text) => parseSince(text))
    .option('--alert <id>', 'the alert that it was detected by; else the first one counts')
    .option('--archive <folder>', 'where retention has moved records, for the proofs')
    .option(...folderOption)
}
