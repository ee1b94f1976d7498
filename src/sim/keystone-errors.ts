import { Refused, type Call } from './http.ts';

/** Keystone's error body. */
export function keystoneError(status: number, title: string, message: string): Refused {
  return new Refused({ status, json: { error: { code: status, message, title } } });
}

export function unauthorized(): Refused {
  return keystoneError(401, 'Unauthorized', 'The request you have made requires authentication.');
}

export function forbidden(action: string): Refused {
  const message = `You are not authorized to perform the requested action: ${action}.`;
  return keystoneError(403, 'Forbidden', message);
}

export function notFound(what: string): Refused {
  return keystoneError(404, 'Not Found', `Could not find ${what}.`);
}

export function requireAdmin(call: Call, action: string): void {
  if (!call.isAdmin) throw forbidden(action);
}
