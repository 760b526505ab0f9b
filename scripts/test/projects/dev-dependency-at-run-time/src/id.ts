import { nanoid } from 'nanoid';

export const newId = () => nanoid(10);
