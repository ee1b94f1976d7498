/** A file that is no backup, or not one that can be used. Nothing was changed. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code: 'foreign' | 'damaged' | 'newer' | 'passphrase';
  constructor(code: BackupError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
