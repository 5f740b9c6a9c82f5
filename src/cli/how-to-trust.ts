/** What each kind of client needs to trust the CA and to go through the gateway; `sallyport env` gives most of it. */
import type { TrustFolder } from '../config/index.ts'

/** `spki`: hash of the CA's public key, as Chromium takes it. */
export function howToTrust({ folder, certificate, bundle, truststore, aptConfig, nodeProxy }: TrustFolder, spki: string): string {
  const rows = [
    [
      'most clients',
      'start them with what "sallyport env NAME" prints, or by "sallyport exec NAME -- COMMAND"; nothing else is needed for',
    ],
    ['', 'curl, git, Go, Python (requests, httpx, pip, uv), Node.js, npm, pnpm, Yarn, Bun, Deno, cargo, apt, gRPC, AWS SDKs'],
    ['aiohttp', 'the same, and ClientSession(trust_env=True) for the proxy'],
    ['Node.js 20', `the same: NODE_OPTIONS loads ${nodeProxy}, which does nothing from 22.21 and 24.5 on`],
    ['Java', `the same, and a listener of the integration's own: the JVM sends a proxy no password by itself. Truststore: ${truststore}`],
    [
      'Chromium',
      `--proxy-server=http://HOST:PORT of a listener of the integration's own (it takes no password there), and the CA in its store:`,
    ],
    ['', `mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sallyport -i ${certificate}`],
    ['', `or, with --user-data-dir of a profile of its own: --ignore-certificate-errors-spki-list=${spki}`],
    ['Firefox', `certutil as for Chromium, with -d sql:PROFILE`],
    ['Docker', `docker run --env-file FILE -v ${folder}:${folder}:ro …, where FILE is "sallyport env NAME --format dotenv"`],
    ['', 'the address of the listener must be one that the container can reach'],
    ['apt', `APT_CONFIG=${aptConfig}, or a copy of it in /etc/apt/apt.conf.d`],
    ['a system', `cp ${certificate} /usr/local/share/ca-certificates/sallyport.crt && update-ca-certificates (Debian)`],
    ['', `cp ${certificate} /etc/pki/ca-trust/source/anchors/sallyport.crt && update-ca-trust (Fedora)`],
    ['anything else', `the CA alone: ${certificate}; instead of a store: ${bundle}`],
  ]
  return rows.map(([client = '', what = '']) => `${client.padEnd(14)} ${what}\n`).join('')
}
