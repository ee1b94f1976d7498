/**
 * Branded identifiers: a LeaseId cannot be passed where a HostId is wanted. All are plain strings on the
 * wire and in the store. New ids come from the caller (`Ids` port), never from inside the domain.
 */
declare const brand: unique symbol;

export type Id<Kind extends string> = string & { readonly [brand]: Kind };

export type LeaseId = Id<'lease'>;
export type HostId = Id<'host'>;
export type DeviceId = Id<'device'>;
export type FlavorId = Id<'flavor'>;
export type ProjectId = Id<'project'>;
export type ProviderId = Id<'provider'>;
export type IntentId = Id<'intent'>;
export type TokenId = Id<'token'>;
export type ReservationId = Id<'reservation'>;
export type FindingId = Id<'finding'>;

/** Brands a string that comes from a parser or the store; the one place where a cast is right. */
export function asId<Kind extends string>(value: string): Id<Kind> {
  return value as Id<Kind>;
}

/** Where new ids come from: random UUIDs in production, a seeded generator in the simulation. */
export interface Ids {
  next(): string;
}
