/** The program's folder, as the npm package and the Debian package have it. */
import fs from 'node:fs';
import path from 'node:path';
import { assetFiles, bundleProgram } from './bundle.ts';
import { copyFile, emptyFolder, root, writeFile } from './files.ts';
import { thirdPartyNotices } from './notices.ts';

export const NOTICES_FILE = 'THIRD-PARTY-LICENSES.txt';

/** Writes the program to an emptied folder, without what starts it. */
export async function writeProgram(folder: string): Promise<void> {
  const { files, packages } = await bundleProgram();
  emptyFolder(folder);
  for (const [name, text] of files) writeFile(path.join(folder, name), text);
  for (const [to, from] of assetFiles()) {
    if (to !== 'package.json') copyFile(path.join(root, from), path.join(folder, to));
  }
  writeFile(path.join(folder, NOTICES_FILE), thirdPartyNotices(packages));
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
}
