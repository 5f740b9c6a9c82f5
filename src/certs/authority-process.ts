/** The process that makes a CA: prints it as JSON for the one that began it. */
import { makeAuthority } from './issue.ts'

process.stdout.write(JSON.stringify(await makeAuthority(Number(process.argv[2]))))
