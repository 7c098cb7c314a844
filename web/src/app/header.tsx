import { Icon, Logo } from './icons';
import { t } from './language';

interface Props {
  /** Or what the button leads to, where there is none. */
  modelName: string;
  /** The model runs elsewhere, and what is written goes there. */
  leaves: boolean;
  /** Whether the list of chats is in sight. */
  sidebar: boolean;
  onSidebar: () => void;
  onModel: () => void;
  onSettings: () => void;
  onNewChat: () => void;
}

export function Header({ modelName, leaves, sidebar, onSidebar, onModel, onSettings, onNewChat }: Props) {
  const chats = sidebar ? t('hideChats') : t('showChats');
  return (
    <header class="header">
      <button type="button" class="icon-button" data-testid="sidebar" aria-expanded={sidebar} aria-label={chats} title={`${chats} (Ctrl+B)`} onClick={onSidebar}>
        <Icon name="sidebar" />
      </button>
      <span class="brand">
        <Logo />
        <span class="wide-only">Tabseek</span>
      </span>
      <button type="button" class="model-button" data-testid="models" aria-haspopup="dialog" title={t('aboutModel')} onClick={onModel}>
        {modelName}
        <Icon name="chevron" />
      </button>
      {leaves && (
        <span class="leaves" data-testid="leaves" role="note" aria-label={t('leaves')} title={t('leaves')}>
          <Icon name="leave" />
          <span class="wide-only">{t('leaves')}</span>
        </span>
      )}
      <span class="spacer" />
      <button type="button" class="text-button" data-testid="new-chat" aria-label={t('newChat')} title={`${t('newChat')} (Ctrl+Shift+O)`} onClick={onNewChat}>
        <Icon name="plus" />
        <span class="wide-only">{t('newChat')}</span>
      </button>
      <button type="button" class="icon-button" data-testid="settings" aria-label={t('settings')} aria-haspopup="dialog" title={t('settings')} onClick={onSettings}>
        <Icon name="sliders" />
      </button>
    </header>
  );
}
