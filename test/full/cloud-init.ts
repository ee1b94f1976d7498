// What cloud-init, as Debian packages it, makes of user data: its own schema, its own merging, and the shell
// that it writes of runcmd. One Python process answers for all.

import { execFileSync } from 'node:child_process';
import { z } from 'zod';

const answerSchema = z.object({
  /** Of each `#cloud-config` part, empty where all is well. */
  faults: z.array(z.string()),
  /** The types of the parts, in their order. */
  types: z.array(z.string()),
  /** All cloud-config parts as one; null: there is none. */
  merged: z.record(z.string(), z.unknown()).nullable(),
  /** What cloud-init would run of runcmd; '': nothing. */
  shell: z.string(),
});
export type CloudInitAnswer = z.output<typeof answerSchema>;

/** In the order of the user data, each as Nova gets it before it is encoded. */
export function askCloudInit(userData: readonly Buffer[]): readonly CloudInitAnswer[] {
  const answers = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', PROGRAM], {
    input: JSON.stringify(userData.map((data) => data.toString('base64'))),
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return z.array(answerSchema).length(userData.length).parse(JSON.parse(answers));
}

/** Source: cloud-init 22.4, cloudinit/stages.py `_do_handlers`, cloudinit/config/schema.py. */
const PROGRAM = `
import base64, json, os, sys, tempfile
from cloudinit import handlers, helpers, safeyaml, user_data, util
from cloudinit.config.schema import SchemaValidationError, get_schema, validate_cloudconfig_schema
from cloudinit.handlers.cloud_config import CloudConfigPartHandler

SCHEMA = get_schema()


def faults_of(text):
    if not text.startswith('#cloud-config'):
        return []
    try:
        validate_cloudconfig_schema(safeyaml.load(text), SCHEMA, strict=True)
    except SchemaValidationError as error:
        return [str(error)]
    return []


def answer(raw):
    with tempfile.TemporaryDirectory() as folder:
        paths = helpers.Paths({'cloud_dir': folder, 'run_dir': folder})
        paths.get_ipath = lambda name: os.path.join(folder, name)
        message = user_data.UserDataProcessor(paths).process(raw)
        handler = CloudConfigPartHandler(paths)
        faults, types = [], []
        handler.handle_part(None, handlers.CONTENT_START, None, None, None, None)
        for part in message.walk():
            if part.is_multipart():
                continue
            kind, payload = part.get_content_type(), util.decode_binary(part.get_payload(decode=True))
            types.append(kind)
            if kind == 'text/cloud-config':
                faults += faults_of(payload)
                handler.handle_part(None, kind, part.get_filename(), payload, None, dict(part))
        handler.handle_part(None, handlers.CONTENT_END, None, None, None, None)
        file = os.path.join(folder, 'cloud_config')
        merged = safeyaml.load(open(file).read()) if os.path.exists(file) else None
    shell = util.shellify(merged['runcmd']) if merged and 'runcmd' in merged else ''
    return {'faults': faults, 'types': types, 'merged': merged, 'shell': shell}


print(json.dumps([answer(base64.b64decode(data)) for data in json.load(sys.stdin)]))
`;
