/**
 * Profiles: what is to be installed on a new machine, as values. This layer chooses, orders and renders them
 * as cloud-init user data, and reads what a machine tells of its progress. It is pure: no clock, no I/O, no
 * cloud; who sends the result to whom is not its business.
 */
import type { z } from 'zod';
import type { Json } from '../base/json.ts';
import type { Result } from '../base/result.ts';

/** Of a profile by name; all are texts, as they are written on a command line. */
export type Values = Readonly<Record<string, string>>;

/** What somebody asks for. */
export interface ProfileRef {
  readonly name: string;
  readonly params: Values;
}

export interface Parameter {
  readonly help: string;
  /** null: it has to be given. */
  readonly fallback: string | null;
  /** Checks, and may rewrite, one line of text; its message says what is allowed. */
  readonly schema: z.ZodType<string>;
}

/** One part of the work, as people see it while they wait. */
export interface ProfileStep {
  /** What is being done, such as `installing CUDA 12.4`: follows a colon, so no capital. */
  readonly title: (values: Values) => string;
  /**
   * POSIX shell, run by root under `set -eu` after `lib.sh`. It is the same text for everybody: parameters
   * come in as the variables `P_NAME`, so that no value ever becomes a part of a program.
   */
  readonly script: string;
  /** How long it usually takes. It is stopped after STEP_TIME_FACTOR times as long. */
  readonly expectedMs: (values: Values) => number;
}

/** What is known when profiles are put together. */
export interface Situation {
  /** GPU models of the machine as its cloud names them, such as `V100`; empty: not known. */
  readonly gpus: readonly string[];
  /** Values of another profile of the same machine; null: it is not part of it. */
  readonly valuesOf: (profile: string) => Values | null;
}

/** Why something cannot be; both are sentences. */
export interface ProfileFault {
  readonly message: string;
  readonly fix: string;
}

export interface Requirement {
  readonly profile: string;
  /** For a profile that nobody named: parameters that suit the one that requires it. */
  readonly params: (values: Values) => Values;
}

export interface Profile {
  readonly name: string;
  /** One line, for lists. */
  readonly summary: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly requires: readonly Requirement[];
  /** Profiles that cannot be on the same machine. */
  readonly conflicts: readonly string[];
  readonly needs: {
    /** Hosts that the machine must reach, beside the archive of its distribution. */
    readonly network: readonly string[];
    /** Free space on the root disk. */
    readonly diskGiB: number;
  };
  /** Beside the steps: keys of cloud-config that cloud-init handles before them. */
  readonly cloudConfig: (values: Values) => Readonly<Record<string, Json>>;
  readonly steps: readonly ProfileStep[];
  /** Decides what was left open (`auto`), and says what does not go together. */
  readonly settle: (values: Values, situation: Situation) => Result<Values, ProfileFault>;
  /** From the configuration of this service, not from Berth. */
  readonly isOwn: boolean;
}

/** A step that takes so many times longer than usual hangs. */
export const STEP_TIME_FACTOR = 4;
