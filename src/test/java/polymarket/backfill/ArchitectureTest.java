package polymarket.backfill;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameStartingWith;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import polymarket.backfill.pipeline.PipelineLedger;
import polymarket.backfill.source.Retry;

/** What may know what, among the packages. docs/ARCHITECTURE.md draws it. */
class ArchitectureTest {

  private static final String ROOT = "polymarket.backfill";
  private static final Path SOURCES = TestBed.PROJECT.resolve("src/main/java/polymarket/backfill");
  private static final Pattern TEXT = Pattern.compile("\"([^\"\n]*)\"");

  private static final JavaClasses PROGRAM =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(PROGRAM);
  }

  @Test
  void theTopPackage_usesNoOther() {
    noClasses()
        .that()
        .resideInAPackage(ROOT)
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".(*)..").and(not(resideInAPackage(ROOT))))
        .check(PROGRAM);
  }

  @Test
  void theSandboxAndTheBenchmark_importNothingOfTheProgram() {
    for (String beside : List.of("sandbox", "benchmark")) {
      classes()
          .that()
          .resideInAPackage(ROOT + "." + beside + "..")
          .should()
          .onlyDependOnClassesThat(
              resideInAPackage(ROOT + "." + beside + "..").or(not(resideInAPackage(ROOT + ".."))))
          .check(PROGRAM);
    }
  }

  @Test
  void onlyTheCommandsThatStartThem_importSandboxAndBenchmark() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT + ".sandbox..", ROOT + ".cli..")
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".sandbox.."))
        .check(PROGRAM);
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".benchmark..")
        .and(not(simpleNameStartingWith("Benchmark").and(resideInAPackage(ROOT + ".cli"))))
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".benchmark.."))
        .check(PROGRAM);
  }

  @Test
  void noClassIsNamedInAString() throws IOException {
    assertEquals(List.of(), texts(SOURCES, text -> text.contains(ROOT + ".")));
  }

  @Test
  void noEngineNamesAJobOrASource() throws IOException {
    List<String> jobs = names("jobs");
    // a table that views and checks read has the name of a job
    jobs.remove("trades");
    String sources = names("sources").stream().map(Pattern::quote).collect(joining("|"));
    Pattern source = Pattern.compile("(?<![\\w-])(?:" + sources + ")(?![\\w-])");
    List<String> found = new ArrayList<>();
    try (Stream<Path> packages = Files.list(SOURCES)) {
      for (Path engine : packages.sorted().toList()) {
        // what is Polymarket's own, the commands, and what stands beside the program may
        if (!List.of("polymarket", "cli", "sandbox", "benchmark")
            .contains(engine.getFileName().toString())) {
          found.addAll(
              texts(
                  engine,
                  text ->
                      jobs.contains(text)
                          || source.matcher(text).find()
                          || text.contains("resolutions_external_ingest")
                          || text.contains("api.goldsky.com")));
        }
      }
    }
    assertEquals(List.of(), found);
  }

  @Test
  void sqlIsQuotedInOnePlace() throws IOException {
    // an escaped quote or backtick is a string that escapes one; a shell's and GraphQL's are others
    assertEquals(
        List.of(),
        texts(SOURCES, text -> text.equals("\\\\'") || text.equals("\\\\`")).stream()
            .filter(
                found ->
                    !found.startsWith("embedded/Quotes.java")
                        && !found.startsWith("cli/CompletionCommand.java")
                        && !found.startsWith("sandbox/"))
            .toList());
  }

  @Test
  void onlyLedgersSpeakToSqlite() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".ledger")
        // Retry only tells an exception of camel-jdbc from others; the other gives it connections
        .and(not(belongToAnyOf(PipelineLedger.class, Retry.class)))
        .and(not(simpleName("UnparsedSelects")))
        .should()
        .dependOnClassesThat(resideInAPackage("java.sql"))
        .orShould()
        .dependOnClassesThat(resideInAPackage("org.sqlite.."))
        .check(PROGRAM);
  }

  /** A row of a table in docs/ARCHITECTURE.md: its cells without backticks. */
  private static List<List<String>> table(String heading) throws IOException {
    return Files.readString(TestBed.PROJECT.resolve("docs/ARCHITECTURE.md"))
        .split("\n## " + heading + "\n", 2)[1]
        .split("\n## ", 2)[0]
        .lines()
        .filter(line -> line.startsWith("| ") && line.endsWith(" |"))
        .map(line -> List.of(line.substring(2, line.length() - 2).split(" \\| ")))
        .toList();
  }

  @Test
  void thePackages_useWhatTheirPageSays() throws IOException {
    Map<String, Set<String>> written = new TreeMap<>();
    for (List<String> row : table("Packages")) {
      if (row.size() == 3 && row.get(0).matches("`[a-z]+`")) {
        Set<String> uses = new TreeSet<>(List.of(row.get(2).split(", ")));
        written.put(row.get(0).replace("`", ""), uses.equals(Set.of("none")) ? Set.of() : uses);
      }
    }
    Map<String, Set<String>> real = new TreeMap<>();
    for (JavaClass of : PROGRAM) {
      String from = packageOf(of);
      if (!from.isEmpty()) {
        Set<String> uses = real.computeIfAbsent(from, name -> new TreeSet<>());
        of.getDirectDependenciesFromSelf().stream()
            .map(dependency -> packageOf(dependency.getTargetClass()))
            .filter(to -> !to.isEmpty() && !to.equals(from))
            .forEach(uses::add);
      }
    }
    assertEquals(Set.of("all"), written.remove("cli"));
    real.remove("cli");
    assertEquals(written, real);
  }

  /** The package of a class of the program below its top package; empty for any other class. */
  private static String packageOf(JavaClass of) {
    return of.getPackageName().startsWith(ROOT + ".")
        ? of.getPackageName().substring(ROOT.length() + 1)
        : "";
  }

  @Test
  void theIndexOfBehaviours_namesClassesAndMethodsThatThereAre() throws IOException {
    Pattern named =
        Pattern.compile(
            "`(?:([a-z]+)/)?([A-Z]\\w*[a-z]\\w*)(?:\\.([a-z]\\w*))?(?:\\([A-Za-z]*\\))?`");
    List<String> missing = new ArrayList<>();
    int found = 0;
    for (List<String> row : table("Index of behaviours")) {
      Matcher name = named.matcher(String.join(" | ", row));
      while (name.find()) {
        String text = sourceOf(name.group(1), name.group(2));
        found++;
        if (text == null
            || name.group(3) != null
                && !Pattern.compile("\\b" + name.group(3) + "\\b").matcher(text).find()) {
          missing.add(name.group());
        }
      }
    }
    assertEquals(List.of(), missing);
    assertTrue(found > 60, "only " + found + " names were read: the page has another form");
  }

  /** The source of a class, wherever it is if no package is named; null where there is none. */
  private static String sourceOf(String folder, String name) throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(path -> path.endsWith(name + ".java")).toList()) {
        String in = SOURCES.relativize(file.getParent()).toString();
        if (folder == null || folder.equals(in)) {
          return Files.readString(file);
        }
      }
      return null;
    }
  }

  private static List<String> names(String folder) throws IOException {
    try (Stream<Path> files = Files.list(TestBed.PROJECT.resolve("routes").resolve(folder))) {
      return new ArrayList<>(
          files
              .map(file -> file.getFileName().toString())
              .filter(file -> file.endsWith(".camel.yaml"))
              .map(file -> file.replace(".camel.yaml", ""))
              .toList());
    }
  }

  /** The string literals in a file or a folder's files that fit, each with its file. */
  private static List<String> texts(Path from, Predicate<String> fits) throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        Matcher text =
            TEXT.matcher(Files.readString(file).replaceAll("(?m)^\\s*(//|/?\\*).*$", ""));
        while (text.find()) {
          if (fits.test(text.group(1))) {
            found.add(SOURCES.relativize(file) + ": " + text.group());
          }
        }
      }
    }
    return found;
  }
}
