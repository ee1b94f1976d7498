import { describe, expect, test } from 'vitest';
import { passwordIn } from './password.ts';
import { parseAddress, printAddress, withoutPassword, type Address } from './url.ts';

function parsed(url: string): Address {
  const result = parseAddress(url);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('the address of a database', () => {
  test('hosts are tried in the order in which they stand', () => {
    const address = parsed(
      'postgresql://berth@db1:5433,[2001:db8::1],db3/gpus?sslmode=verify-full&connect_timeout=3',
    );
    expect(address).toMatchObject({
      user: 'berth',
      password: null,
      database: 'gpus',
      sslMode: 'verify-full',
    });
    expect(address.connectTimeoutMs).toBe(3000);
    expect(address.hosts).toEqual([
      { host: 'db1', port: 5433 },
      { host: '2001:db8::1', port: 5432 },
      { host: 'db3', port: 5432 },
    ]);
  });

  test('as libpq: folder of a socket, hosts as parameters, the user as the name of the database', () => {
    expect(parsed('postgres://berth@').database).toBe('berth');
    expect(parsed('postgres://berth@/x').hosts).toEqual([{ host: '/var/run/postgresql', port: 5432 }]);
    expect(parsed('postgres://berth@%2Ftmp%2Fpg:7000/x').hosts).toEqual([{ host: '/tmp/pg', port: 7000 }]);
    const named = parsed('postgresql:///x?host=a,b&port=1,2&user=u&sslrootcert=/etc/ca.pem');
    expect(named.hosts).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ]);
    expect(named).toMatchObject({ user: 'u', sslMode: 'prefer', sslRootCert: '/etc/ca.pem' });
  });

  test.each([
    ['mysql://u@h/d', /is not postgresql:/],
    ['postgresql://u@h:0/d', /host/],
    ['postgresql://u@h:99999/d', /host/],
    ['postgresql://u@h/d?sslmod=require', /did you mean 'sslmode'/],
    ['postgresql://u@h/d?sslmode=on', /verify-full/],
    ['postgresql://u@h/d?password=secret', /password_file/],
    ['postgresql://u@h/d?connect_timeout=0', /1 to 60/],
    ['postgresql://u:%zz@h/d', /hexadecimal/],
    [`postgresql://u@${Array.from({ length: 9 }, () => 'h').join(',')}/d`, /more than 8/],
  ])('%s is refused', (url, fault) => {
    const result = parseAddress(url);
    expect(result.ok ? '' : result.error).toMatch(fault);
  });

  test.each(['pl:ain', 'an@at', 'a/slash', 'a?mark', '%41'])(
    'a password (%s) is shown nowhere',
    (password) => {
      const url = `postgresql://berth:${password}@db1:5432/gpus`;
      const result = parseAddress(url);
      const shown = [withoutPassword(url), result.ok ? printAddress(result.value) : result.error].join(' ');
      expect(shown).not.toContain(password);
      expect(withoutPassword(url)).toBe('postgresql://berth@db1:5432/gpus');
      if (result.ok) expect(result.value.password).toBe(decodeURIComponent(password));
    },
  );
});

test('a .pgpass: the first line that fits, with stars and escapes', () => {
  const text = '# a comment\nother:5432:gpus:berth:no\ndb1:*:gpus:berth:a\\:b\\\\c\n*:*:*:berth:last\n';
  expect(passwordIn(text, ['db1', '5432', 'gpus', 'berth'])).toBe('a:b\\c');
  expect(passwordIn(text, ['db2', '5432', 'gpus', 'berth'])).toBe('last');
  expect(passwordIn(text, ['db2', '5432', 'gpus', 'other'])).toBeNull();
});
