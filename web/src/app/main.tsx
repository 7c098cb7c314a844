import './style.css';
import { render } from 'preact';
import { App } from './app';
import { Conversation } from './conversation';
import { followLanguage } from './language';
import { Loader } from './loader';
import { followTheme } from './theme';

followTheme();
followLanguage();
const loader = new Loader();
render(<App loader={loader} conversation={new Conversation()} />, document.getElementById('app')!);
void loader.start();
