import type { AnyContainer } from "../pod/pod.ts";

/** The number of a port given as a number, or by the name one of the container's ports has. Throws upstream's error. */
export function portNumber(port: number | string, container: AnyContainer): number {
  const named =
    typeof port === "string" ? container.ports?.find(({ name }) => name === port)?.containerPort : undefined;
  const number = named ?? Number(port);
  if (Number.isNaN(number)) throw new Error(`strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`);
  if (!(number > 0 && number < 65536)) throw new Error(`invalid port number: ${number}`);
  return number;
}
