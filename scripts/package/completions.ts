import { bashCompletion } from '../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../src/cli/completion/fish.ts';
import { completionModel } from '../../src/cli/completion/model.ts';
import { zshCompletion } from '../../src/cli/completion/zsh.ts';
import { sections } from '../../src/cli/sections.ts';

/** The completions by the place where Debian's shells look for them. */
export function completionFiles(): ReadonlyMap<string, string> {
  const model = completionModel(sections);
  return new Map([
    ['usr/share/bash-completion/completions/berth', bashCompletion(model)],
    ['usr/share/zsh/vendor-completions/_berth', zshCompletion(model)],
    ['usr/share/fish/vendor_completions.d/berth.fish', fishCompletion(model)],
  ]);
}
