import { homedir } from 'node:os';
import { join } from 'node:path';

/** The directory of Docker's settings of this user. */
export const settingsDirectory = () => process.env.DOCKER_CONFIG || join(homedir(), '.docker');
