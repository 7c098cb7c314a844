import type { LocalOffer } from './catalogue';
import { device, memoryOf, speedOf, tooLarge } from './device';
import { bytes, rate } from './format';
import { t } from './language';
import { useStore } from './store';

/** What a model is, takes and gives on this device, as far as it is known before its first byte. */
export function ModelFacts({ offer, context }: { offer: LocalOffer; context: number }) {
  const facts = useStore(device);
  const memory = memoryOf(offer, context);
  const speed = facts && speedOf(offer, facts);
  const large = facts && tooLarge(offer, context, facts);
  const kind = [offer.family, offer.attention, offer.license && t('license', { license: offer.license })].filter(Boolean).join(' · ');
  const here = [memory !== undefined && t('memoryAt', { size: bytes(memory) }), speed !== undefined && t('speedHere', { rate: rate(speed) })].filter(Boolean).join(' · ');
  return (
    <div class="model-facts">
      {kind && <p data-testid="model-kind">{kind}</p>}
      {here && <p data-testid="model-here">{here}</p>}
      {facts && offer.largest_buffer !== undefined && (
        <p data-testid="model-fit" data-fits={large === undefined}>
          {large === undefined ? t('fits') : t('fitsNot', { size: bytes(large), most: bytes(facts.max_binding) })}
        </p>
      )}
    </div>
  );
}
