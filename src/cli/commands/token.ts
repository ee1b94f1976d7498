import { ROLE_NAMES, type TokenJson } from '../../api/admin.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { textCell, timeCell } from '../format/cell.ts';
import { listOptions, printList, printShow, showOptions, type Column } from '../format/output.ts';
import { argument, choice, duration, text } from '../specs.ts';

export const tokenCreate = defineCommand({
  path: ['token', 'create'],
  summary: 'Create an API token and show its secret, once',
  examples: [
    'berth token create --name ada --role member --project ml --expires 30d',
    'berth token create --name ci -f value -c secret > ~/.berth-token',
  ],
  args: {},
  options: {
    name: text('--name NAME', 'Who or what it is for; it stands in the audit log.'),
    role: choice('--role ROLE', ROLE_NAMES, `One of ${ROLE_NAMES.join(', ')}; default member.`),
    project: text('--project PROJECT', 'Default: that of your token.'),
    expires: duration('--expires DURATION', 'How long it is valid; default 90d.'),
    ...showOptions,
  },
  async run(context, { options }) {
    const { name } = options;
    if (name === null)
      throw new UsageError('--name is missing', 'Say who or what it is for, such as --name ada.');
    const { token, secret } = await context.client.createToken({
      name,
      role: options.role ?? 'member',
      project_id: options.project,
      duration: options.expires,
    });
    printShow(context, options, [
      ['id', textCell(token.id)],
      ['name', textCell(token.name)],
      ['role', textCell(token.role)],
      ['project_id', textCell(token.project_id)],
      ['expires_at', timeCell(token.expires_at, context.nowMs)],
      ['secret', textCell(secret, 'strong')],
    ]);
    context.note(
      'The secret is shown only now. Put it into BERTH_TOKEN, or into a file named by BERTH_TOKEN_FILE.',
    );
  },
});

export const tokenList = defineCommand({
  path: ['token', 'list'],
  summary: 'List API tokens, without their secrets',
  examples: ['berth token list'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { tokens } = await context.client.listTokens();
    printList(context, options, columns(context.nowMs), tokens, 'There are no tokens.');
  },
});

export const tokenRevoke = defineCommand({
  path: ['token', 'revoke'],
  summary: 'Revoke an API token at once',
  examples: ['berth token revoke 5c1d2e3f-0b0a-4c59-9b44-0b6f3a525f0e'],
  args: { token: argument('TOKEN', "Id, as in 'berth token list'.") },
  options: {},
  async run(context, { args }) {
    await context.client.revokeToken(args.token);
    context.note(`The token ${args.token} is revoked.`);
  },
});

function columns(nowMs: number): readonly Column<TokenJson>[] {
  return [
    // Never shortened: `token revoke` takes whole ids only.
    { name: 'ID', cell: (token) => textCell(token.id) },
    { name: 'Name', cell: (token) => textCell(token.name) },
    { name: 'Role', cell: (token) => textCell(token.role) },
    { name: 'Project', cell: (token) => textCell(token.project_id) },
    { name: 'Expires', cell: (token) => timeCell(token.expires_at, nowMs) },
    { name: 'Created', cell: (token) => timeCell(token.created_at, nowMs), long: true },
    { name: 'Created By', cell: (token) => textCell(token.created_by), long: true },
  ];
}
