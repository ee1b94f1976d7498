/** What is used of postject 1.0.0-alpha.6, which brings no types. */
declare module 'postject' {
  /** Writes `content` as the resource `name` into the executable `file`. */
  export function inject(
    file: string,
    name: string,
    content: Buffer,
    options: { readonly sentinelFuse: string },
  ): Promise<void>;
}
