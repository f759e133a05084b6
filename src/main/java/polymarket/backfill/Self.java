package polymarket.backfill;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Starts this program again, in a separate process. */
public final class Self {

  private static volatile Class<?> main;

  private Self() {}

  /** Names the class that the program starts with. Called by that class, before anything else. */
  public static void starts(Class<?> with) {
    main = with;
  }

  /**
   * The command line for it: the same Java with the same options, but for what only one process can
   * have, from any folder, with the same home.
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
    inherited().filter(option -> dropped.stream().noneMatch(option::startsWith)).forEach(line::add);
    String home = "-Dbackfill.home=" + Home.folder();
    if (dropped.stream().noneMatch(home::startsWith)) {
      line.add(home);
    }
    line.addAll(options);
    line.addAll(List.of("-cp", classPath(), main.getName()));
    line.addAll(arguments);
    return line;
  }

  /** The options of this process's Java that every process of the program has. */
  private static Stream<String> inherited() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> !option.startsWith("-agentlib") && !option.startsWith("-javaagent"));
  }

  /** The same without the program's own properties: memory, collector, library paths. */
  public static List<String> options() {
    return inherited().filter(option -> !option.startsWith("-Dbackfill.")).toList();
  }

  /**
   * Those by which this process's Java reads its classes from an archive; none where it does not.
   */
  public static List<String> archive() {
    return inherited()
        .filter(
            option -> option.startsWith("-XX:SharedArchiveFile=") || option.startsWith("-Xlog:cds"))
        .toList();
  }

  /**
   * The class path of this program, with absolute entries. Where another program has loaded this
   * one, as Maven does for {@code mvn camel:run}, the JVM's own class path is that program's; the
   * class loader then says where this one's classes are.
   */
  public static String classPath() {
    Stream<Path> entries =
        Self.class.getClassLoader() instanceof URLClassLoader loader
            ? Arrays.stream(loader.getURLs()).map(Self::path)
            : Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(Path::of);
    return entries
        .map(entry -> entry.toAbsolutePath().toString())
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static Path path(URL url) {
    try {
      return Path.of(url.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException("no file: " + url, e);
    }
  }
}
