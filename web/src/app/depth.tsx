import { useState } from 'preact/hooks';
import { FieldInput } from './field';
import { Icon } from './icons';
import { t } from './language';
import { Segments } from './segments';
import { changeSettings, DEPTHS, EFFORTS, LIMIT, samplesOf, settings, type Computes, type Depth } from './settings';
import { useStore } from './store';

/** How much is thought about a question: how many answers one is made of, how much effort, and where thinking is cut short. */
export function DepthControls({ info }: { info?: Computes }) {
  const { depth = 'fast', reasoning_effort: effort, thinking_budget: limit } = useStore(settings);
  const [open, setOpen] = useState(false);
  const names: Record<Depth, string> = { fast: t('fast'), careful: t('careful'), thorough: t('thorough') };
  const changed = [effort && t(`effort.${effort}`), limit !== undefined && t('upTo', { count: limit })].filter(Boolean).join(', ');
  return (
    <div class="depth">
      <div class="depth-row">
        {info && (
          <>
            <Segments title={t('depth')} name="depth" choices={DEPTHS.map((d) => [d, names[d]])} current={depth} onChoose={(d) => changeSettings({ depth: d === 'fast' ? undefined : d })} />
            <span class="hint wide-only" data-testid="samples">
              {depth !== 'fast' && t('samples', { count: samplesOf(depth, info) })}
            </span>
          </>
        )}
        <button type="button" class="text-button" data-testid="budgets" aria-expanded={open} aria-controls="budgets" onClick={() => setOpen(!open)}>
          {t('thinkingHow')}
          {changed && <strong>{changed}</strong>}
          <Icon name="chevron" />
        </button>
      </div>
      {open && (
        <div class="fields budgets" id="budgets">
          <div class="field">
            <label for="effort">{t('effort')}</label>
            <select id="effort" data-testid="effort" aria-describedby="effort-hint" value={effort ?? ''} onChange={(e) => changeSettings({ reasoning_effort: EFFORTS.find((x) => x === e.currentTarget.value) })}>
              <option value="">{t('automatic')}</option>
              {EFFORTS.map((e) => (
                <option key={e} value={e}>
                  {t(`effort.${e}`)}
                </option>
              ))}
            </select>
            <p id="effort-hint" class="hint">
              {t('effortHint')}
            </p>
          </div>
          <FieldInput field={LIMIT} value={limit} placeholder={t('noLimit')} onChange={(v) => changeSettings({ thinking_budget: v })} />
        </div>
      )}
    </div>
  );
}
