// What tests use of the sources, as one bundle: see web/build.
export { chunks, completion } from '../src/api/completion';
export { remote } from '../src/api/remote/engine';
export { checkEscalate, escalating } from '../src/api/escalate';
export { encode } from '../src/api/encode';
export { passagesOf } from '../src/app/sources/passages';
export { guessTokens, promptOf } from '../src/app/sources/prompt';
export { indexOf, search } from '../src/app/sources/ranking';
export { bindingType, decode } from '../src/host/abi';
export { Gpu } from '../src/host/gpu';
export { Guest } from '../src/host/guest';
export { mismatch } from '../src/host/mismatch';
export { engineError, stepOf, TabseekError } from '../src/shared/messages';
