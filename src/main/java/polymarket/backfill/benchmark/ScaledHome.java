package polymarket.backfill.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The project's folder once more: its routes are a copy, and where limits are scaled or off, the
 * throttle of one source is edited, as a person would.
 */
final class ScaledHome {

  /** What "off" is in a throttle: 10,000 requests a second. */
  private static final long UNLIMITED_PER_SECOND = 10_000;

  private static final Pattern THROTTLE =
      Pattern.compile(
          "(- throttle:.*?\\bexpression:\\s*\")([^\"]*)(\".*?timePeriodMillis:\\s*\")(\\d+)(\")",
          Pattern.DOTALL);

  private static final Pattern NUMBER = Pattern.compile("(?<![\\w'.])\\d+(?![\\w'.])");

  private final double scale;
  private double pace;

  private ScaledHome(double scale) {
    this.scale = scale;
  }

  /**
   * @param home is made
   * @param source whose throttle is scaled
   * @param scale 0 for no limit
   * @return the pace a second
   */
  static double make(Path home, Path project, String source, double scale) throws IOException {
    Files.createDirectories(home.resolve("runtime"));
    Files.createSymbolicLink(home.resolve("chdb"), project.resolve("chdb"));
    if (Files.exists(project.resolve("application.properties"))) {
      Files.copy(project.resolve("application.properties"), home.resolve("application.properties"));
    }
    ScaledHome scaled = new ScaledHome(scale);
    Path routes = project.resolve("routes");
    try (Stream<Path> files = Files.walk(routes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = home.resolve("routes").resolve(routes.relativize(file));
        Files.createDirectories(copy.getParent());
        String text = Files.readString(file);
        if (file.endsWith(Path.of("sources", source + ".camel.yaml"))) {
          text = scaled.throttled(text);
        }
        Files.writeString(copy, text);
      }
    }
    return scaled.pace;
  }

  /**
   * Scales the numbers of the throttle's expression; where it chooses between several, the highest
   * is the pace of its default.
   */
  private String throttled(String yaml) {
    Matcher throttle = THROTTLE.matcher(yaml);
    if (!throttle.find()) {
      throw new BenchmarkException(
          "the source's route has no throttle that the benchmark could scale");
    }
    long millis = scale == 0 ? 1000 : Long.parseLong(throttle.group(4));
    long[] most = {0};
    String expression =
        NUMBER
            .matcher(throttle.group(2))
            .replaceAll(
                number -> {
                  long requests =
                      scale == 0
                          ? UNLIMITED_PER_SECOND
                          : Math.max(1, Math.round(Long.parseLong(number.group()) * scale));
                  most[0] = Math.max(most[0], requests);
                  return String.valueOf(requests);
                });
    if (most[0] == 0) {
      throw new BenchmarkException(
          "the throttle of the source's route has no number that the benchmark could scale");
    }
    pace = most[0] * 1000.0 / millis;
    return yaml.substring(0, throttle.start())
        + throttle.group(1)
        + expression
        + throttle.group(3)
        + millis
        + throttle.group(5)
        + yaml.substring(throttle.end());
  }
}
