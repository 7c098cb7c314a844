import { TabseekError, type ErrorCode } from '../api/tabseek';
import type { ChatError, ChatErrorCode } from './chats/record';

/** What the page has words for: the engine's errors and its own. */
export type Explained = TabseekError | ChatError;

/** An error in a person's words. */
export interface Explanation {
  title: string;
  /** What happened, and what can be done. */
  text: string;
  /** Ways out, one a line. */
  steps?: string[];
  /** The label of the button that tries again, if trying again can help. */
  retry?: string;
}

const NO_WEBGPU: Explanation = {
  title: 'This browser has no WebGPU',
  text: 'Tabseek computes on your own graphics card, and WebGPU is how a web page reaches it. Open this page in one of these:',
  steps: ['Chrome or Edge 113 or later', 'Safari 26 or later', 'Firefox 141 or later on Windows, 145 or later on macOS'],
};

const NO_ADAPTER: Explanation = {
  title: 'The browser found no usable graphics card',
  text: 'This browser knows WebGPU, but has no GPU to offer to it. What usually helps:',
  steps: [
    'Turn on hardware acceleration in the browser’s settings, under System or Performance, and restart it.',
    'Update the graphics driver and the browser.',
    'If the GPU has just crashed, wait two minutes: browsers block it for that long.',
  ],
  retry: 'Try again',
};

const EXPLANATIONS: Record<Exclude<ErrorCode, 'no_webgpu'> | ChatErrorCode, Explanation> = {
  insecure_context: {
    title: 'This page needs a secure address',
    text: 'Browsers give WebGPU only to pages that come over HTTPS, or from this same computer. Open the page in one of these ways:',
    steps: ['On the computer that runs the server, by http://localhost and the port.', 'From elsewhere, by an https:// address.'],
  },
  download_failed: {
    title: 'The model could not be downloaded',
    text: 'The connection to the server broke or it did not answer as expected. Check that the server still runs and that you are connected, then try again.',
    retry: 'Try again',
  },
  bad_hash: {
    title: 'The downloaded model is damaged',
    text: 'What arrived is not what the model’s description promises, so it was not used. Try again; if it happens again, the files on the server need replacing.',
    retry: 'Try again',
  },
  quota_exceeded: {
    title: 'There is no room for this model',
    text: 'The browser gives this page no more room on disk. What has come so far is kept; delete a model, or free some of the disk, and go on.',
    retry: 'Go on',
  },
  bad_model: {
    title: 'This model cannot be used',
    text: 'Its files are not what this version of Tabseek understands. Pack the model again with the server’s own version of tabseek pack.',
    retry: 'Try again',
  },
  out_of_memory: {
    title: 'The GPU has too little memory',
    text: 'The model does not fit. Close other tabs and programs that use the GPU and try again, or choose a smaller model.',
    retry: 'Try again',
  },
  device_lost: {
    title: 'The GPU stopped working',
    text: 'The browser lost its connection to the graphics card: the driver restarted, the computer slept, or the work took too long. The conversation is still here; load the model again to go on.',
    retry: 'Reload model',
  },
  context_full: {
    title: 'The conversation is too long for this model',
    text: 'It no longer fits in the model’s context. Start a new chat, or send a shorter message.',
  },
  bad_request: {
    title: 'The model cannot answer this',
    text: 'The request was refused. Check the settings, or put the question another way.',
  },
  numeric_fault: {
    title: 'The GPU computed something that is not a number',
    text: 'The answer would have been meaningless, so it was stopped. This points to a fault of the graphics driver; loading the model again may help.',
    retry: 'Reload model',
  },
  store_newer: {
    title: 'The chats here were written by a later version',
    text: 'This version of Tabseek does not understand them and leaves them as they are. Reload the page to get the later version. Until then, new chats last only as long as this tab.',
  },
  store_failed: {
    title: 'This browser does not keep the chats',
    text: 'It refused to store them: its storage is full or switched off, or the window is a private one. What you see here lasts as long as this tab; copy what you need.',
  },
  bad_import: { title: 'This file cannot be imported', text: 'It is not an export of Tabseek’s chats, or it is damaged. Nothing was changed.' },
  aborted: { title: 'Stopped', text: 'It was stopped before it was done.', retry: 'Try again' },
  internal: {
    title: 'Something in Tabseek failed',
    text: 'This is a fault of the program, not yours. Loading the model again may help.',
    retry: 'Reload model',
  },
};

export function explain(error: Explained): Explanation {
  // One code has two causes, which ask for different things.
  if (error.code === 'no_webgpu') return navigator.gpu ? NO_ADAPTER : NO_WEBGPU;
  return EXPLANATIONS[error.code];
}

export function asTabseekError(e: unknown): TabseekError {
  return e instanceof TabseekError ? e : new TabseekError('internal', e instanceof Error ? e.message : String(e));
}
