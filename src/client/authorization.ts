/** How requests say who sends them. */
export interface Authorization {
  /** Rejects as whoever issues the tokens does. */
  headers(): Promise<Readonly<Record<string, string>>>;
  /**
   * After the server did not accept `refused` (the headers that were sent): true if there is something else
   * to send now.
   */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>;
}

/** With a token of Berth, or with none. */
export function bearer(token: string | null): Authorization {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  return { headers: async () => headers, renew: async () => false };
}

/** A token of a cloud. */
export interface CloudToken {
  readonly token: string;
  /** Which cloud it is of, as servers of several want to know: its name there, or the address of its Keystone. */
  readonly cloud: string;
}

/**
 * With tokens of a cloud: `issue` is asked for the first one when it is needed, and for another when the
 * server does not accept it any more. Requests at the same time share one.
 */
export function cloudTokens(issue: () => Promise<CloudToken>): Authorization {
  let issued: Promise<CloudToken> | null = null;
  const current = (): Promise<CloudToken> => {
    issued ??= issue().catch((error: unknown) => {
      issued = null;
      throw error;
    });
    return issued;
  };
  return {
    async headers() {
      const { token, cloud } = await current();
      return { 'x-auth-token': token, 'berth-cloud': cloud };
    },
    async renew(refused) {
      const held = issued;
      if ((await current()).token !== refused['x-auth-token']) return true;
      // Unless another request has renewed it while this one waited.
      if (issued === held) issued = null;
      return (await current()).token !== refused['x-auth-token'];
    },
  };
}
