/** Switches of the whole service. One record. */
export interface Control {
  /** Made with the store; marks everything that this deployment creates outside. */
  readonly deploymentId: string;
  /** No endings, reclaims, sweeps, or starts until thaw. */
  readonly freeze: { readonly sinceMs: number; readonly reason: string; readonly actor: string } | null;
  /** The clocks disagree: nothing ends until a second source decides. */
  readonly clockDoubt: { readonly sinceMs: number; readonly divergenceMs: number } | null;
  /** `observe`: plans are shown, nothing is written outside. With the reason where it was forced. */
  readonly mode: { readonly kind: 'act' } | { readonly kind: 'observe'; readonly reason: string };
  /** The month that has begun, where a project is limited by the month; null: none is. */
  readonly monthFromMs: number | null;
  /** Last queue number given. */
  readonly queueSeq: number;
  /** Last number given to a grant; see Project.servedSeq. */
  readonly grantSeq: number;
  /** What is left of the audit log begins after this event; null: nothing was ever removed. */
  readonly eventFloor: EventFloor | null;
}

/** The last event that was removed because of its age. */
export interface EventFloor {
  readonly seq: number;
  readonly atMs: number;
}
