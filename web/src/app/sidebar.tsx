import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Conversation } from './chats/conversation';
import type { Library } from './chats/library';
import type { Chat } from './chats/record';
import type { Search } from './chats/search';
import { saveChat } from './chats/save';
import { Icon } from './icons';
import { composes } from './keys';
import { t } from './language';
import { useStore } from './store';

/** Below it the list covers the page while it is open (styles/sidebar.css). */
const wide = matchMedia('(min-width: 45rem)');
const KEY = 'tabseek.sidebar';

export interface SidebarState {
  open: boolean;
  /** It lies over the page. */
  covers: boolean;
  toggle: () => void;
  closeIfNarrow: () => void;
  /** Opens it to search. */
  search: () => void;
}

/** Open where there is room, unless the user closed it. */
export function useSidebar(): SidebarState {
  const [open, setOpen] = useState(() => wide.matches && !wasClosed());
  const [isWide, setWide] = useState(wide.matches);
  useEffect(() => {
    const follow = () => {
      setWide(wide.matches);
      setOpen(wide.matches && !wasClosed());
    };
    wide.addEventListener('change', follow);
    return () => wide.removeEventListener('change', follow);
  }, []);
  const set = (next: boolean) => {
    setOpen(next);
    if (wide.matches) rememberClosed(!next);
  };
  return {
    open,
    covers: open && !isWide,
    toggle: () => set(!open),
    closeIfNarrow: () => !wide.matches && setOpen(false),
    search: () => {
      set(true);
      requestAnimationFrame(() => document.getElementById('search')?.focus());
    },
  };
}

function wasClosed(): boolean {
  try {
    return localStorage.getItem(KEY) === 'closed';
  } catch {
    return false;
  }
}

function rememberClosed(closed: boolean): void {
  try {
    localStorage.setItem(KEY, closed ? 'closed' : 'open');
  } catch {
    // see wasClosed
  }
}

interface Props {
  library: Library;
  search: Search;
  conversation: Conversation;
  /** The chat that is open. */
  current?: string;
  onOpen: (id: string) => void;
  onClose: () => void;
}

/** The list of chats, with a search. */
export function Sidebar({ library, search, conversation, current, onOpen, onClose }: Props) {
  const chats = useStore(library.chats);
  const [query, setQuery] = useState('');
  const found = useFound(search, query, chats);
  const shown = found ? chats.filter((c) => found.has(c.id)) : chats;
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key !== 'Escape' || composes(e)) return;
    e.stopPropagation();
    if (query) setQuery('');
    else if (!wide.matches) onClose();
  };
  return (
    <>
      <nav class="sidebar" aria-label={t('chats')} onKeyDown={onKeyDown}>
        <input
          id="search"
          data-testid="search"
          type="search"
          aria-label={t('searchChats')}
          placeholder={t('searchChats')}
          title="Ctrl+K"
          autocomplete="off"
          dir="auto"
          value={query}
          onFocus={() => void search.prepare()}
          onInput={(e) => setQuery(e.currentTarget.value)}
        />
        <div class="chat-list" data-testid="chat-list">
          {groupsOf(shown).map(([name, group]) => (
            <section key={name} aria-label={name}>
              <h2>{name}</h2>
              <ul>
                {group.map((chat) => (
                  <ChatItem key={chat.id} chat={chat} current={chat.id === current} library={library} conversation={conversation} onOpen={onOpen} />
                ))}
              </ul>
            </section>
          ))}
          {shown.length === 0 && <p class="hint">{chats.length === 0 ? t('noChats') : t('nothingFound')}</p>}
        </div>
      </nav>
      <button type="button" class="curtain" tabIndex={-1} aria-label={t('hideChats')} onClick={onClose} />
    </>
  );
}

/** The chats that a query finds; undefined for all. */
function useFound(search: Search, query: string, chats: Chat[]): ReadonlySet<string> | undefined {
  const [found, setFound] = useState<ReadonlySet<string>>();
  useLayoutEffect(() => {
    if (!query.trim()) return setFound(undefined);
    let newest = true;
    void search.find(query).then((ids) => newest && setFound(ids));
    return () => void (newest = false);
  }, [search, query, chats]);
  return found;
}

const DAY = 86_400_000;

/** Pinned ones first, then by the day they were last used. */
function groupsOf(chats: Chat[]): [string, Chat[]][] {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const groupOf = ({ pinned, updated_at: at }: Chat): string => {
    if (pinned) return t('pinned');
    if (at >= midnight) return t('today');
    if (at >= midnight - DAY) return t('yesterday');
    return at >= midnight - 7 * DAY ? t('lastWeek') : t('older');
  };
  const groups = new Map<string, Chat[]>([[t('pinned'), []]]);
  for (const chat of chats) {
    const name = groupOf(chat);
    if (groups.has(name)) groups.get(name)!.push(chat);
    else groups.set(name, [chat]);
  }
  return [...groups].filter(([, group]) => group.length > 0);
}

interface ItemProps {
  chat: Chat;
  current: boolean;
  library: Library;
  conversation: Conversation;
  onOpen: (id: string) => void;
}

function ChatItem({ chat, current, library, conversation, onOpen }: ItemProps) {
  const [menu, setMenu] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const remove = async () => {
    await conversation.leave(chat.id);
    await library.remove(chat.id);
  };
  const rename = (title: string) => {
    setRenaming(false);
    if (title && title !== chat.title) void library.write(chat.id, { title });
  };
  const act = (action: () => void) => () => {
    setMenu(false);
    action();
  };
  return (
    <li class={current ? 'chat-row current' : 'chat-row'}>
      {renaming ? (
        <TitleInput title={chat.title} onDone={rename} />
      ) : (
        <button type="button" class="chat-item" data-testid="chat-item" aria-current={current ? 'page' : undefined} title={chat.title} dir="auto" onClick={() => onOpen(chat.id)}>
          {chat.title}
        </button>
      )}
      <button type="button" class="icon-button" data-testid="chat-menu" aria-expanded={menu} aria-label={t('moreAbout', { title: chat.title })} onClick={() => setMenu(!menu)}>
        <Icon name="more" />
      </button>
      {menu && (
        <div class="chat-actions">
          <button type="button" class="text-button" data-testid="rename" onClick={act(() => setRenaming(true))}>
            {t('rename')}
          </button>
          <button type="button" class="text-button" data-testid="pin" onClick={act(() => void library.write(chat.id, { pinned: !chat.pinned }))}>
            {chat.pinned ? t('unpin') : t('pin')}
          </button>
          <button type="button" class="text-button" data-testid="export-markdown" onClick={act(() => void saveChat(library, chat.id))}>
            {t('saveAsMarkdown')}
          </button>
          <button type="button" class="text-button" data-testid="delete-chat" onClick={act(() => void remove())}>
            {t('delete')}
          </button>
        </div>
      )}
    </li>
  );
}

/** Enter and leaving it take the title, Escape does not. */
function TitleInput({ title, onDone }: { title: string; onDone: (title: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useLayoutEffect(() => input.current!.select(), []);
  const end = (next: string) => {
    if (done.current) return; // the input that goes loses the focus
    done.current = true;
    onDone(next.trim());
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (composes(e)) return;
    if (e.key === 'Enter') end(input.current!.value);
    if (e.key !== 'Escape') return;
    e.stopPropagation();
    end(title);
  };
  return <input ref={input} class="chat-title" data-testid="title" aria-label={t('newTitle')} maxLength={200} dir="auto" defaultValue={title} onKeyDown={onKeyDown} onBlur={(e) => end(e.currentTarget.value)} />;
}

/** So long a deleted chat can be had back. */
const UNDO_MS = 15_000;

/** Offers to have the chat back that was deleted last. */
export function Undo({ library }: { library: Library }) {
  const deleted = useStore(library.deleted);
  useEffect(() => {
    if (!deleted) return;
    const timer = setTimeout(() => (library.deleted.value = undefined), UNDO_MS);
    return () => clearTimeout(timer);
  }, [deleted]);
  return (
    <div class="undo" role="status">
      {deleted && (
        <p>
          <span>{t('deletedChat', { title: deleted.chat.title })}</span>
          <button type="button" class="text-button" data-testid="undo" onClick={() => void library.restore()}>
            {t('undo')}
          </button>
        </p>
      )}
    </div>
  );
}
