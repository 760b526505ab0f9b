export interface Greeting {
  message: string;
}

export const greet = (name: string): Greeting => ({ message: `Hello from ${name}` });
