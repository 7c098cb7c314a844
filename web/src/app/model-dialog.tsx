import { useEffect, useState } from 'preact/hooks';
import type { Engine, Stats } from '../api/tabseek';
import type { Offer, RemoteOffer } from './catalogue';
import type { ChatEngine } from './remotes';
import { Dialog } from './dialog';
import { bytes, count, duration, parameters } from './format';
import { t } from './language';
import { Install } from './install';
import { ModelList } from './model-list';

interface Props {
  offers: Offer[];
  current?: Offer;
  engine?: ChatEngine;
  /** Models cannot be changed in the middle of an answer. */
  busy: boolean;
  onChoose: (offer: Offer) => void;
  /** Another model of the server elsewhere that is current. */
  onModel: (offer: RemoteOffer, model: string) => void;
  onClose: () => void;
}

/** The models there are, what of them lies on this device, and facts about the one that is loaded. */
export function ModelDialog({ offers, current, engine, busy, onChoose, onModel, onClose }: Props) {
  return (
    <Dialog title={t('models')} onClose={onClose}>
      <ModelList offers={offers} current={current} loaded={engine !== undefined} context={engine?.info.context} busy={busy} onChoose={onChoose} onModel={onModel} />
      <Install />
      {engine && !engine.remote && current && <About name={current.name} engine={engine} />}
    </Dialog>
  );
}

function About({ name, engine }: { name: string; engine: Engine }) {
  const stats = useStats(engine);
  return (
    <>
      <h3>{t('aboutThis', { name })}</h3>
      <dl class="facts">
        {facts(engine, stats).map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">{t('aboutHint')}</p>
    </>
  );
}

function useStats(engine: Engine): Stats | undefined {
  const [stats, setStats] = useState<Stats>();
  useEffect(() => {
    engine.stats().then(setStats, () => {}); // an engine that failed has none
  }, [engine]);
  return stats;
}

function facts({ info }: Engine, stats: Stats | undefined): [string, string][] {
  const perToken = info.params_active === info.params_total ? t('all') : parameters(info.params_active);
  return [
    [t('factParameters'), parameters(info.params_total)],
    [t('factActive'), perToken],
    [t('factLayers'), count(info.layers)],
    [t('factAttention'), t(info.attention === 'MLA' ? 'attentionLatent' : 'attentionGrouped')],
    [t('factVocabulary'), t('tokenCount', { count: count(info.vocab_size) })],
    [t('factContext'), t('tokenCount', { count: count(info.context) })],
    [t('factWeights'), bytes(info.weight_bytes)],
    [t('factCache'), bytes(info.kv_bytes_per_token)],
    [t('factDevice'), stats?.device ?? '–'],
    [t('factKernels'), info.profile],
    [t('factLoaded'), stats ? duration(stats.load_seconds) : '–'],
  ];
}
