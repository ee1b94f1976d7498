import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { completionModel, SHELLS, type Model, type Shell } from '../completion/model.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { defineCommand, type Command } from '../command.ts';
import type { Section } from '../help.ts';
import { choiceArgument } from '../specs.ts';

const generators: Readonly<Record<Shell, (model: Model) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** The command that completes all commands, itself too; they are asked for when it runs. */
export function completionOf(sections: () => readonly Section[]): Command {
  return defineCommand({
    path: ['completion'],
    summary: 'Print the completion of commands and options for a shell',
    description:
      'The Debian package has it already. It knows the words of the command line, not your leases.',
    examples: [
      'berth completion bash > ~/.local/share/bash-completion/completions/berth',
      'berth completion zsh > "${fpath[1]}/_berth"',
      'berth completion fish > ~/.config/fish/completions/berth.fish',
    ],
    local: true,
    args: { shell: choiceArgument('SHELL', SHELLS, `One of ${SHELLS.join(', ')}.`) },
    options: {},
    async run({ io }, { args }) {
      io.stdout.write(generators[args.shell](completionModel(sections())));
    },
  });
}
