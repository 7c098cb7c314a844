// The roofline: each kernel as a point, by how much it computes for each byte that it reads, under the two limits of the device.

import type { Measured } from '../shared/messages.gen';
import { t } from './tell';

const WIDTH = 760;
const HEIGHT = 340;
const LEFT = 64;
const BOTTOM = 40;

export interface Limits {
  /** GB/s of a streaming read. */
  read: number;
  /** GFLOP/s of multiplications with additions. */
  compute: number;
}

const gflops = (k: Measured): number => k.flops / k.nanoseconds;

export function Roofline({ limits, kernels }: { limits: Limits; kernels: Measured[] }) {
  const points = kernels.filter((k) => k.flops > 0 && k.bytes > 0 && k.nanoseconds > 0);
  const edge = limits.compute / limits.read; // FLOPs a byte from which on a kernel is bound by arithmetic
  const xs = [0.25, ...points.map((k) => k.flops / k.bytes), edge * 8];
  const ys = [...points.map(gflops), limits.compute, limits.read * 0.25];
  const scale = (values: number[], from: number, to: number) => {
    const low = Math.log(Math.min(...values) / 1.5);
    const high = Math.log(Math.max(...values) * 1.5);
    return (v: number) => from + ((Math.log(v) - low) / (high - low)) * (to - from);
  };
  const x = scale(xs, LEFT, WIDTH - 12);
  const y = scale(ys, HEIGHT - BOTTOM, 12);
  const least = Math.min(...xs) / 1.5;
  const most = Math.max(...xs) * 1.5;
  const roof = [[least, least * limits.read], [edge, limits.compute], [most, limits.compute]].map(([a, b]) => `${x(a!)},${Math.min(y(b!), HEIGHT - BOTTOM)}`);
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={t('roofline')}>
      <line class="axis" x1={LEFT} y1={HEIGHT - BOTTOM} x2={WIDTH - 12} y2={HEIGHT - BOTTOM} />
      <line class="axis" x1={LEFT} y1={12} x2={LEFT} y2={HEIGHT - BOTTOM} />
      <polyline class="roof" points={roof.join(' ')} />
      {points.map((k, i) => (
        <g key={i}>
          <circle cx={x(k.flops / k.bytes)} cy={y(gflops(k))} r={5}>
            <title>{`${k.kernel} ${k.program ?? ''}: ${gflops(k).toFixed(2)} GFLOP/s, ${(k.bytes / k.nanoseconds).toFixed(2)} GB/s`}</title>
          </circle>
          <text x={x(k.flops / k.bytes) + 8} y={y(gflops(k)) + 4}>{k.kernel}</text>
        </g>
      ))}
      <text x={WIDTH / 2} y={HEIGHT - 10} text-anchor="middle">{t('flopsPerByte')}</text>
      <text x={12} y={24}>GFLOP/s</text>
    </svg>
  );
}
