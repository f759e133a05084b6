package polymarket.backfill.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import polymarket.backfill.Self;
import polymarket.backfill.UserError;

/**
 * A command that {@code serve} started as a process of its own, from the page or by a schedule.
 *
 * @param log what it writes
 * @param at when it was started, in epoch milliseconds
 */
record Started(Process process, Path log, long at) {

  /**
   * Starts a command of this program, which ends when this process ends.
   *
   * @param words the command and its options
   * @param options further options of Java's
   * @throws UserError if it cannot be started
   */
  static Started start(List<String> words, Path log, List<String> options) {
    return start(words, Common.home(), log, log, options);
  }

  /**
   * The same in another folder.
   *
   * @param log gets its messages
   * @param out gets its results; may be the same file
   */
  static Started start(List<String> words, Path folder, Path log, Path out, List<String> options) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "-Dbackfill.terminal=false", "-Dbackfill.parent=" + ProcessHandle.current().pid()));
    all.addAll(options);
    try {
      Files.createDirectories(log.getParent());
      ProcessBuilder builder =
          new ProcessBuilder(
                  Self.command(List.of("-Dbackfill.terminal", "-Dbackfill.parent"), all, words))
              .directory(folder.toFile())
              .redirectInput(new File("/dev/null"))
              .redirectOutput(out.toFile());
      if (out.equals(log)) {
        builder.redirectErrorStream(true);
      } else {
        builder.redirectError(log.toFile());
      }
      return new Started(builder.start(), log, System.currentTimeMillis());
    } catch (IOException e) {
      throw new UserError(words.get(1) + " cannot be started: " + UserError.reason(e));
    }
  }

  /** The last line that it wrote; empty where it wrote none. */
  String lastLine() {
    try {
      List<String> lines =
          Files.readAllLines(log).stream().filter(line -> !line.isBlank()).toList();
      return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
    } catch (IOException e) {
      return "its messages cannot be read: " + UserError.reason(e);
    }
  }
}
