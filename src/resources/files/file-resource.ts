/** The resource kind `file`: folders of the host under names of the manifest. Needs Linux, whose /proc names open folders. */
import {
  Claim,
  type Effect,
  type FileCapability,
  type FileRequest,
  type Integration,
  type Obligations,
  type Permit,
  Refusal,
  type Reply,
  type Resource,
} from '../../core/index.ts'
import { createDisks, type Disk } from './disk.ts'
import { temporaryPrefix } from './file-version.ts'
import { listFolder, readFile, statFile } from './read.ts'
import { writeFile } from './write.ts'

export function createFileResource(): Resource<FileRequest> {
  const diskOf = createDisks()
  const perform: Effect<FileRequest> = async (permit, progress) => {
    const { integration, hangup } = permit.request
    const reply = await answer(permit, diskOf(integration.name, hangup, progress))
    progress.answered()
    return reply
  }
  return {
    kind: 'file',
    claim(request) {
      const { root, path } = request.target
      const facts = { root, path, action: request.action }
      return Claim.of(request, perform, { facts, subject: facts, origin: null })
    },
  }
}

async function answer({ request, decision }: Permit<FileRequest>, disk: Disk): Promise<Reply> {
  const { integration, target, action } = request
  const capability = capabilityOf(integration, target.root, decision.capability)
  const segments = target.path === '' ? [] : target.path.split('/')
  if (segments.some((segment) => segment.startsWith(temporaryPrefix))) throw new Refusal('not-found', 'there is no such file')
  try {
    return await act(disk, action, capability, segments, request, decision.obligations)
  } catch (error) {
    throw explain(error)
  }
}

/**
 * The capability whose bounds hold: of several for one folder the one that the decision names, or the first if it names none.
 * Throws `Refusal`: not-found; policy-failed if the decision names one that is not a capability of that folder.
 */
function capabilityOf({ files }: Integration, root: string, id: string | null): FileCapability {
  const ofFolder = files.filter(({ name }) => name === root)
  if (ofFolder.length === 0) throw new Refusal('not-found', 'there is no such root')
  const found = id === null ? ofFolder[0] : ofFolder.find((capability) => capability.id === id)
  if (found === undefined) throw new Refusal('policy-failed', `the policy names the capability "${id}", which is not one of "${root}"`)
  return found
}

function act(
  disk: Disk,
  action: FileRequest['action'],
  { root, maxBytes }: FileCapability,
  segments: readonly string[],
  request: FileRequest,
  { maxRequestBytes = maxBytes, maxReplyBytes = maxBytes }: Obligations,
): Promise<Reply> {
  switch (action) {
    case 'read':
      return readFile(disk, root, segments, request, Math.min(maxBytes, maxReplyBytes))
    case 'stat':
      return statFile(disk, root, segments, request)
    case 'list':
      return listFolder(disk, root, segments)
    case 'write':
      return writeFile(disk, root, segments, request, Math.min(maxBytes, maxRequestBytes))
  }
}

/** Links, devices and missing things look alike; no message holds a host path. */
function explain(error: unknown): unknown {
  if (error instanceof Refusal) return error
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENXIO':
    case 'EACCES':
    case 'EPERM':
      return new Refusal('not-found', 'there is no such file', { cause: error })
    case 'EISDIR':
    case 'ENOTEMPTY':
    case 'EEXIST':
      return new Refusal('conflict', 'what is there is not a regular file', { cause: error })
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
    case 'EROFS':
      return new Refusal('conflict', 'the folder takes no more', { cause: error })
    default:
      return error
  }
}
