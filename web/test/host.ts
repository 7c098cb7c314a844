// What tests use of the host, as one bundle: see web/build.
export { bindingType, decode } from '../src/host/abi';
export { Gpu } from '../src/host/gpu';
