/** What is wrong with a cloud's configuration. Neither text ever has the value of a secret in it. */
export interface CloudProblem {
  /** `/etc/openstack/clouds.yaml: clouds.north.auth.password`, or `OS_PASSWORD`; '' where no place is meant. */
  readonly where: string;
  /** What is wrong, and what to write instead. */
  readonly what: string;
}

export function problemText({ where, what }: CloudProblem): string {
  return where === '' ? what : `${where}: ${what}`;
}
