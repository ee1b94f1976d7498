import { describeCrashes } from './crash-suite.ts';

describeCrashes('a server on SQLite', async () => undefined);
