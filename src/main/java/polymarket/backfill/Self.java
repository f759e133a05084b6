package polymarket.backfill;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Starts this program once more, in a process of its own. */
public final class Self {

  private static volatile Class<?> main;

  private Self() {}

  /** Names the class that the program starts with. Called by that class, before anything else. */
  public static void starts(Class<?> with) {
    main = with;
  }

  /**
   * The command line for it: the same Java with the same options, but for what only one process can
   * have, from any folder.
   *
   * @param dropped beginnings of options of this process that the other one is not to have, such as
   *     -Dbackfill.terminal
   * @param options further options of Java's
   * @param arguments the command of ./backfill, and what follows it
   */
  public static List<String> command(
      List<String> dropped, List<String> options, List<String> arguments) {
    List<String> line =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            option ->
                !option.startsWith("-agentlib")
                    && !option.startsWith("-javaagent")
                    && dropped.stream().noneMatch(option::startsWith))
        .forEach(line::add);
    line.addAll(options);
    line.addAll(List.of("-cp", absolute(System.getProperty("java.class.path")), main.getName()));
    line.addAll(arguments);
    return line;
  }

  private static String absolute(String classPath) {
    return Arrays.stream(classPath.split(File.pathSeparator))
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .collect(Collectors.joining(File.pathSeparator));
  }
}
