/** What is done to a new machine beside building it, and how it is reached: part of the request, never changed. */
export interface Setup {
  /** In the order in which they were asked for; rendered when the machine is made. */
  readonly profiles: readonly { readonly name: string; readonly params: Readonly<Record<string, string>> }[];
  /** User data of the borrower's own; null: none. */
  readonly userData: string | null;
  /** Networks (CIDR) from which SSH is let in, beside what is let in anyway. */
  readonly sshFrom: readonly string[];
  /** Tenant network by id or name; null: as the cloud is configured. */
  readonly network: string | null;
  /** How it is reached; null: as the cloud is configured. */
  readonly address: 'floating' | 'fixed' | null;
  /** For patterns of names in the configuration; null: not known. */
  readonly userName: string | null;
  readonly projectName: string | null;
  /** How long the profiles usually take, ms. */
  readonly expectedMs: number;
}

/** Of leases that ask for nothing of it, and of those of older versions. */
export const NO_SETUP: Setup = {
  profiles: [],
  userData: null,
  sshFrom: [],
  network: null,
  address: null,
  userName: null,
  projectName: null,
  expectedMs: 0,
};

/** Words of a machine that are kept: its last steps, and what it wants to be known. */
export const SETUP_WORDS_MAX = 32;
/** Of one word, characters. */
export const SETUP_WORD_LENGTH_MAX = 600;

/** A set-up that is slower than usual by this factor is still waited for … */
const SLOWNESS_ALLOWED = 2;
/** … but no start is prolonged by more than this, whatever its profiles say. */
const PROLONGED_MS_MAX = 3 * 3_600_000;

/** By how much a start may take longer for the sake of its set-up, ms. */
export function setupAllowanceMs({ expectedMs }: Setup): number {
  return Math.min(expectedMs * SLOWNESS_ALLOWED, PROLONGED_MS_MAX);
}
