import type { Route } from './+types/home';

export function meta(_: Route.MetaArgs) {
  return [{ title: 'React Router' }];
}

export function loader() {
  return { message: 'Hello from React Router' };
}

export default function Home({ loaderData }: Route.ComponentProps) {
  return <h1>{loaderData.message}</h1>;
}
