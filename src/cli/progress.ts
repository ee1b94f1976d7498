import type { CliIo } from './io.ts';
import { clip } from './format/text-width.ts';
import { roughDuration } from './when.ts';

/** What is going on now, for a person who waits: a live line on a terminal, else a line for each change. */
export interface Progress {
  /** `stage`: without a terminal a line is written only when it changes; default: the text. */
  say(text: string, stage?: string): void;
  /** Removes the live line. */
  stop(): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const FRAME_MS = 120;
const CLEAR = '\r\u001B[2K';

export function startProgress(io: CliIo): Progress {
  return io.stderr.isTTY && io.env['TERM'] !== 'dumb' ? liveLine(io) : plainLines(io);
}

/** How long a call may take before the one who waits is told. */
const SILENCE_MS_MAX = 1000;

/** `fetch` that says on a terminal what it waits for, once that takes longer than a second. */
export function patientFetch(io: CliIo): typeof fetch {
  if (!io.stderr.isTTY) return io.fetch;
  return async (input, init) => {
    const live = startProgress(io);
    const cancel = io.clock.setTimer(SILENCE_MS_MAX, () => live.say('waiting for the answer of the server'));
    try {
      return await io.fetch(input, init);
    } finally {
      cancel();
      live.stop();
    }
  };
}

function plainLines({ stderr }: CliIo): Progress {
  let last = '';
  return {
    say(text, stage = text) {
      if (stage !== last) stderr.write(`${text}\n`);
      last = stage;
    },
    stop: () => undefined,
  };
}

function liveLine({ stderr, clock }: CliIo): Progress {
  const startMs = clock.monotonicMs();
  let text = '';
  let frame = 0;
  let cancel: (() => void) | null = null;
  const draw = (): void => {
    const elapsed = roughDuration(clock.monotonicMs() - startMs);
    const line = `${FRAMES[frame % FRAMES.length] ?? ''} ${elapsed} ${text}`;
    stderr.write(CLEAR + clip(line, (stderr.columns ?? 80) - 1));
    frame += 1;
    cancel = clock.setTimer(FRAME_MS, draw);
  };
  return {
    say(now) {
      text = now;
      cancel?.();
      draw();
    },
    stop() {
      cancel?.();
      if (frame > 0) stderr.write(CLEAR);
      frame = 0;
    },
  };
}
