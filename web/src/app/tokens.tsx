import type { Logprob } from '../api/tabseek';

const percent = (logprob: number): string => `${(100 * Math.exp(logprob)).toFixed(logprob > -2.3 ? 0 : 2)} %`;

/** What pointing at a token tells: how likely it was, and the likeliest others. */
const describe = ({ token, logprob, top_logprobs: top }: Logprob): string =>
  [`${JSON.stringify(token)}  ${percent(logprob)}`, ...top.filter((o) => o.token !== token).map((o) => `${JSON.stringify(o.token)}  ${percent(o.logprob)}`)].join('\n');

/** An answer as its tokens; the less likely one was, the stronger its mark. */
export function Tokens({ logprobs }: { logprobs: Logprob[] }) {
  return (
    <p class="tokens" dir="auto">
      {logprobs.map((l, i) => (
        <span key={i} class={`doubt-${doubt(l.logprob)}`} tabIndex={0} title={describe(l)} aria-label={describe(l)}>
          {l.token}
        </span>
      ))}
    </p>
  );
}

/** 0 for what was nearly certain, 3 for what was less likely than one in five. */
function doubt(logprob: number): number {
  const p = Math.exp(logprob);
  return p > 0.9 ? 0 : p > 0.5 ? 1 : p > 0.2 ? 2 : 3;
}
