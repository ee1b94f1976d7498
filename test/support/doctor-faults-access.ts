/** Faults of the way in, each with what is to be said of it: login, services, rights. */
import { hexId } from '../../src/sim/seed.ts';
import { passwordOf, tlsFailure } from './doctor.ts';
import { password, keystoneSays, services, withCredential, type Case } from './doctor-planting.ts';

const LOGIN: readonly Case[] = [
  ['keystone_unreachable', { login: { authUrl: 'http://127.0.0.1:9/v3' } }, /ECONNREFUSED/],
  ['auth_url_wrong', { login: { authUrl: 'http://sim.invalid/compute' } }, /\/compute\/v3 answers 404/],
  [
    'tls_untrusted',
    { instead: () => Promise.reject(tlsFailure('DEPTH_ZERO_SELF_SIGNED_CERT')) },
    /DEPTH_ZERO_SELF_SIGNED_CERT/,
    /cacert: FILE/,
  ],
  ['credentials_refused', { credentials: passwordOf('cyborg', 'wrong') }, /disabled or locked/],
  [
    'credentials_refused',
    {
      topology: () => ({
        accounts: [{ user: 'cyborg', project: 'service', roles: ['admin'], enabled: false }],
      }),
    },
    /'cyborg'/,
  ],
  [
    'password_expired',
    {
      instead: (url) =>
        url.endsWith('/auth/tokens')
          ? keystoneSays(401, 'The password is expired and needs to be changed for user: 12.')
          : null,
    },
    /'cyborg' has expired/,
  ],
  [
    'project_refused',
    { credentials: passwordOf('demo', 'demo', 'dmeo') },
    /project 'dmeo' does not let it in; the user has roles on demo/,
    /project_name: demo/,
  ],
  [
    'project_refused',
    { credentials: passwordOf('demo', 'demo', 'lab2') },
    /lab2/,
    /openstack role add --user demo --project lab2 member|project_name/,
  ],
  [
    'project_scope_missing',
    { credentials: { ...password('admin'), scope: { kind: 'default' } } },
    /for no project/,
  ],
  [
    'application_credential_refused',
    { credentials: { kind: 'applicationCredential', credential: { id: 'gone' }, secret: 'x' } },
    /expired, or it was deleted/,
  ],
];

const SERVICES: readonly Case[] = [
  ...(['compute', 'network', 'image', 'placement'] as const).map((type): Case => [
    'endpoint_missing',
    services({ missing: [type] }),
    new RegExp(`no service of the type '${type}'`),
    new RegExp(`openstack endpoint create --region RegionOne ${type} public URL`),
  ]),
  ...(['compute', 'network', 'image', 'placement'] as const).map((type): Case => [
    'endpoint_unreachable',
    services({ unreachable: [type] }),
    new RegExp(`http://127.0.0.1:9/${type}.* does not answer \\(ECONNREFUSED\\)`),
  ]),
  [
    'service_switched_off',
    { login: { services: { image: { disabled: true } } } },
    /'image' is not to be called/,
    /has_image/,
  ],
  [
    'region_unknown',
    { login: { region: 'RegionTwo' } },
    /in RegionOne, not in region 'RegionTwo'/,
    /region_name: RegionOne/,
  ],
  [
    'interface_missing',
    services({ interfaces: ['internal', 'admin'] }),
    /interfaces internal, admin, not public/,
    /interface: internal/,
  ],
  ['microversion_too_old', services({ nova_minor_max: 72 }), /Nova speaks 2.1 to 2.72; Berth needs 2.87/],
  ['placement_too_old', services({ placement_minor_max: 17 }), /1.0 to 1.17; Berth needs 1.36/],
  [
    'service_failing',
    { instead: (url) => (url.includes('/image/') ? new Response('oops', { status: 500 }) : null) },
    /the list of images: image GET \/images: 500 oops/,
  ],
];

const RIGHTS: readonly Case[] = [
  [
    'rights_limited',
    { credentials: passwordOf('demo', 'demo', 'demo') },
    /Nova refuses the list of hypervisors, the list of aggregates, .* to 'demo', whose roles on 'demo' are member, reader/,
    /openstack role add --user demo --project demo admin/,
  ],
  [
    'placement_forbidden',
    {
      instead: (url) =>
        url.includes('resource_providers')
          ? new Response('{"errors":[{"title":"Forbidden"}]}', { status: 403 })
          : null,
    },
    /Placement refuses the PCI devices/,
  ],
  [
    'pinned_without_admin',
    {
      topology: () => ({ accounts: [{ user: 'cyborg', project: 'demo', roles: ['member'] }] }),
      settings: { ownership: 'project', placement: 'pinned' },
    },
    /no role admin on project 'demo'/,
    new RegExp(`openstack role add --user ${hexId('user/cyborg')} --project ${hexId('project/demo')} admin`),
  ],
  [
    'pinned_with_trust',
    { settings: { ownership: 'trust', placement: 'pinned' } },
    /trust's token/,
    /ownership: project/,
  ],
  [
    'project_without_role',
    { settings: { ownership: 'project', projects: ['demo'] } },
    /'cyborg' has no role on project 'demo'/,
    /berth project add demo/,
  ],
  ['project_unknown', { settings: { ownership: 'project', projects: ['dmeo'] } }, /no project 'dmeo'/],
  [
    'ownership_needs_password',
    { ...withCredential({}), settings: { ownership: 'project' } },
    /works in project 'service' only/,
    /ownership: service/,
  ],
  [
    'application_credential_ends',
    withCredential({ expires_at: '2026-11-24T12:00:00' }),
    /ends at 2026-11-24T12:00:00Z, in /,
  ],
];

export const ACCESS_FAULTS: readonly (readonly [theme: string, cases: readonly Case[]])[] = [
  ['login', LOGIN],
  ['services', SERVICES],
  ['rights', RIGHTS],
];
