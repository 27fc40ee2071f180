import type { Mongoose } from 'mongoose';
import type { Doc } from './writes';

/**
 * What a Mongoose that is connected with `monitorCommands` sends to the server: the commands, without
 * those of the driver's own.
 */
export function watchCommands(mongoose: Mongoose): { take: () => Doc[] } {
  let commands: Doc[] = [];
  mongoose.connection.getClient().on('commandStarted', ({ commandName, command }) => {
    if (!['hello', 'ismaster', 'endSessions'].includes(commandName)) commands.push(command as Doc);
  });
  return {
    take: () => {
      const taken = commands;
      commands = [];
      return taken;
    },
  };
}
